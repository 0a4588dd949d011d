// An OPC UA server of another make (node-opcua), steered by JSON lines on its standard input; answers each with one line.
//   {"set": {"name": value}}    {"status": {"name": code}}    {"remove": "name"}    {"add": "name"}
//   {"change": {"count": N, "ms": M}}   N variables v0.. change every M ms      {"sessions": true}   {"kill": "subscriptions"|"sessions"}
// Arguments: port, seed of the numeric node ids, number of variables v0.., certificate folder.
const dns = require("dns");
const os = require("os");
const lookup = dns.lookup;
// It asks for the name of its own machine, which takes minutes where a name server is set but not reachable. No name does as well.
dns.lookup = (name, ...rest) => (name === os.hostname() ? rest[rest.length - 1](new Error("not asked for")) : lookup(name, ...rest));
dns.lookupService = (address, port, done) => done(new Error("not asked for"));
const { OPCUAServer, Variant, DataType, StatusCodes, makeStatusCode } = require("node-opcua");
const { OPCUACertificateManager } = require("node-opcua");
const readline = require("readline");

async function main() {
  const [port, seed, count, folder] = [Number(process.argv[2]), Number(process.argv[3]), Number(process.argv[4]), process.argv[5]];
  const certificates = new OPCUACertificateManager({ automaticallyAcceptUnknownCertificate: true, rootFolder: folder });
  const server = new OPCUAServer({
    port, host: "127.0.0.1", hostname: "127.0.0.1", allowAnonymous: true, maxAllowedSessionNumber: 5, maxSessions: 5,
    serverCertificateManager: certificates, serverCapabilities: { maxSessions: 5 },
    userManager: { isValidUser: (user, password) => user === "collector" && password === "secret" },
    buildInfo: { productName: "peer" }, serverInfo: { applicationUri: "urn:peer" },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  for (let i = 0; i < seed; i++) space.registerNamespace(`urn:other:${i}`); // moves the index of ours
  const own = space.registerNamespace("urn:factory:line1");
  const line = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Line1", nodeId: `i=${1000 + seed}` });
  const variables = {};
  let id = 2000 + 17 * seed;
  function add(name, dataType, value) {
    const variable = own.addVariable({ componentOf: line, browseName: name, nodeId: `i=${id++}`, dataType, minimumSamplingInterval: 0 });
    variable.setValueFromSource(new Variant({ dataType, value }));
    variables[name] = { variable, dataType };
  }
  add("Temperature", DataType.Double, 20.5);
  add("Running", DataType.Boolean, true);
  add("Count", DataType.UInt32, 7);
  add("Text", DataType.String, "양품");
  for (let i = 0; i < count; i++) add(`v${i}`, DataType.Double, 0);
  own.addVariable({ componentOf: line, browseName: "ById", nodeId: "s=ById", dataType: DataType.Int32 })
    .setValueFromSource(new Variant({ dataType: DataType.Int32, value: 42 }));
  await server.start();
  console.log(JSON.stringify({ port: server.endpoints[0].port }));

  const commands = {
    set: (wanted) => {
      for (const [name, value] of Object.entries(wanted)) {
        variables[name].variable.setValueFromSource(new Variant({ dataType: variables[name].dataType, value }));
      }
    },
    status: (wanted) => {
      for (const [name, code] of Object.entries(wanted)) {
        const { variable, dataType } = variables[name];
        variable.setValueFromSource(new Variant({ dataType, value: dataType === DataType.Boolean ? true : 1 }), StatusCodes[code]);
      }
    },
    remove: (name) => { space.deleteNode(variables[name].variable.nodeId); },
    add: (name) => add(name, DataType.Double, 99),
    change: ({ count, ms, until }) => {
      let round = 0;
      const timer = setInterval(() => {
        round++;
        for (let i = 0; i < count; i++) variables[`v${i}`].variable.setValueFromSource(new Variant({ dataType: DataType.Double, value: round }));
        if (until && round >= until) clearInterval(timer);
      }, ms);
    },
    sessions: () => ({ sessions: server.engine.currentSessionCount, subscriptions: server.engine.currentSubscriptionCount }),
    kill: (what) => {
      for (const session of Object.values(server.engine._sessions)) {
        if (what === "sessions") server.engine.closeSession(session.authenticationToken, true, "Forcing");
        else for (const one of session.publishEngine.subscriptions) one.terminate();
      }
    },
  };
  readline.createInterface({ input: process.stdin }).on("line", (text) => {
    let answer = {};
    try {
      for (const [name, argument] of Object.entries(JSON.parse(text))) answer = commands[name](argument) || answer;
    } catch (error) { answer = { error: String(error) }; }
    console.log(JSON.stringify(answer));
  }).on("close", () => process.exit(0));
}
main().catch((error) => { console.error(error); process.exit(1); });
