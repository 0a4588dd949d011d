// A Sparkplug client (package sparkplug-client), steered by JSON lines: an edge node, and a listener that decodes what others send.
//   node peer.js PORT GROUP NODE
// in   {"birth": [metrics]} {"data": [metrics], "compress": bool} {"device": NAME, "birth" | "data" | "death": [metrics]}
//      {"listen": TOPIC} {"send": TOPIC, "payload": {...}} {"say": TOPIC, "text": "...", "retain": bool} {"skip": numbers} {"die": true}
// out  {"ready": true}, {"ok": true} per command, {"ncmd": payload}, {"topic": ..., "payload": ...}
const sparkplug = require("sparkplug-client");
const readline = require("readline");

const [port, group, node] = process.argv.slice(2);
const plain = (key, value) => (value && typeof value.toNumber === "function" ? value.toNumber() : value);
const tell = (what) => console.log(JSON.stringify(what, plain));

const client = sparkplug.newClient({
  serverUrl: `mqtt://127.0.0.1:${port}`, username: "", password: "", groupId: group, edgeNode: node, clientId: `peer-${node}`, keepalive: 5,
});
client.on("error", (error) => { console.error(error); process.exit(1); });
client.on("birth", () => tell({ ready: true }));
client.on("ncmd", (payload) => tell({ ncmd: payload }));
client.on("message", (topic, payload) => tell({ topic, payload }));

const stamped = (metrics) => ({ timestamp: Date.now(), metrics });
const encode = (payload) => Buffer.from(client.encodePayload(payload));
const handlers = {
  listen: ({ listen }, done) => client.subscribeTopic(listen, { qos: 1 }, done),
  send: ({ send, payload }, done) => client.client.publish(send, encode(payload), { qos: 1 }, done),
  say: ({ say, text, retain }, done) => client.client.publish(say, text, { qos: 1, retain: !!retain }, done),
  skip: ({ skip }, done) => { for (let i = 0; i < skip; i++) client.incrementSeqNum(); done(); },
  die: (_, done) => { client.client.stream.destroy(); process.exit(0); },
  birth: ({ device, birth }, done) => {
    device ? client.publishDeviceBirth(device, stamped(birth)) : client.publishNodeBirth(stamped(birth));
    done();
  },
  data: ({ device, data, compress }, done) => {
    const options = compress ? { compress: true, algorithm: compress } : undefined;
    device ? client.publishDeviceData(device, stamped(data), options) : client.publishNodeData(stamped(data), options);
    done();
  },
  death: ({ device }, done) => { client.publishDeviceDeath(device, { timestamp: Date.now() }); done(); },
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  const name = Object.keys(handlers).find((key) => key in command);
  handlers[name](command, () => tell({ ok: true }));
}).on("close", () => process.exit(0));
