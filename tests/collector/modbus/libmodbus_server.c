/* A Modbus server made of libmodbus, steered by lines on its standard input.
 *
 *   server tcp PORT            PORT 0 = a free one; the first line of output is the port
 *   server rtu DEVICE BAUD     8N1
 *
 *   h|i|c|d ADDRESS VALUE      sets a holding register, input register, coil, discrete input
 *   hole FIRST LAST            requests that touch these addresses get exception 2
 *   silent UNIT | speak UNIT   this unit gives no answer, or answers again
 *   late UNIT MILLISECONDS     answers of this unit are delayed
 *   fail UNIT CODE             this unit answers with an exception; 0 = no more
 *   count                      prints how many requests have come
 */
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static modbus_mapping_t* mapping;
static int hole_first = -1, hole_last = -1;
static int silent[256], late[256], fail[256];
static volatile long requests;

static void* commands(void* unused) {
  char line[128], word[16];
  (void)unused;
  while (fgets(line, sizeof line, stdin)) {
    int a = 0, b = 0;
    if (sscanf(line, "%15s %d %d", word, &a, &b) < 1) continue;
    if (!strcmp(word, "h")) mapping->tab_registers[a] = (uint16_t)b;
    if (!strcmp(word, "i")) mapping->tab_input_registers[a] = (uint16_t)b;
    if (!strcmp(word, "c")) mapping->tab_bits[a] = (uint8_t)b;
    if (!strcmp(word, "d")) mapping->tab_input_bits[a] = (uint8_t)b;
    if (!strcmp(word, "hole")) hole_first = a, hole_last = b;
    if (!strcmp(word, "silent")) silent[a] = 1;
    if (!strcmp(word, "speak")) silent[a] = 0;
    if (!strcmp(word, "late")) late[a] = b;
    if (!strcmp(word, "fail")) fail[a] = b;
    if (!strcmp(word, "count")) printf("%ld\n", requests), fflush(stdout);
    if (!strcmp(word, "sync")) printf("ok\n"), fflush(stdout);
  }
  exit(0);
}

static void answer(modbus_t* bus, const uint8_t* query, int length) {
  int header = modbus_get_header_length(bus);
  int unit = query[header - 1];
  int first = (query[header + 1] << 8) + query[header + 2];
  int count = (query[header + 3] << 8) + query[header + 4];
  requests++;
  if (silent[unit]) return;
  if (late[unit]) usleep((useconds_t)late[unit] * 1000);
  if (fail[unit]) {
    modbus_reply_exception(bus, query, (unsigned)fail[unit]);
  } else if (hole_first >= 0 && first <= hole_last && hole_first < first + count) {
    modbus_reply_exception(bus, query, MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
  } else {
    modbus_reply(bus, query, length, mapping);
  }
}

static int serve_tcp(int port) {
  modbus_t* bus = modbus_new_tcp("127.0.0.1", port);
  int listener = modbus_tcp_listen(bus, 16), newest = listener;
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  fd_set open_sockets;
  if (listener < 0) return 1;
  getsockname(listener, (struct sockaddr*)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  FD_ZERO(&open_sockets);
  FD_SET(listener, &open_sockets);
  for (;;) {
    fd_set ready = open_sockets;
    if (select(newest + 1, &ready, NULL, NULL, NULL) < 0) return 1;
    for (int one = 0; one <= newest; one++) {
      if (!FD_ISSET(one, &ready)) continue;
      if (one == listener) {
        int fresh = accept(listener, NULL, NULL);
        FD_SET(fresh, &open_sockets);
        if (fresh > newest) newest = fresh;
        continue;
      }
      uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
      modbus_set_socket(bus, one);
      int length = modbus_receive(bus, query);
      if (length > 0) answer(bus, query, length);
      if (length < 0) close(one), FD_CLR(one, &open_sockets);
    }
  }
}

static int serve_rtu(const char* device, int baud) {
  modbus_t* bus = modbus_new_rtu(device, baud, 'N', 8, 1);
  modbus_set_slave(bus, 1);
  if (modbus_connect(bus) < 0) return fprintf(stderr, "%s\n", modbus_strerror(errno)), 1;
  printf("0\n");
  fflush(stdout);
  for (;;) {
    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    int length = modbus_receive(bus, query);
    if (length > 0) answer(bus, query, length);
    if (length < 0 && errno != EMBBADCRC && errno != ETIMEDOUT) return 1;
  }
}

int main(int argc, char** argv) {
  pthread_t reader;
  mapping = modbus_mapping_new(65536, 65536, 65536, 65536);
  if (argc < 3 || mapping == NULL) return 2;
  pthread_create(&reader, NULL, commands, NULL);
  return strcmp(argv[1], "rtu") ? serve_tcp(atoi(argv[2])) : serve_rtu(argv[2], atoi(argv[3]));
}
