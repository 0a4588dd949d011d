// The part of PC/SC that we call, as its public documentation gives it. Declared here so that a build needs no smart-card
// development package and the library is loaded at run time. Windows counts in 32 bits, pcsc-lite in longs.
#pragma once

#include <cstdint>

namespace lnx::token::pcsc {

#if defined(_WIN32)
#define LNX_PCSC_CALL __stdcall
using Word = uint32_t;
using Long = int32_t;
using Context = uintptr_t;
using Handle = uintptr_t;
constexpr unsigned kAtrBytes = 36;
#else
#define LNX_PCSC_CALL
using Word = unsigned long;
using Long = long;
using Context = long;
using Handle = long;
constexpr unsigned kAtrBytes = 33;
#endif

struct ReaderState {
  const char* reader;
  void* user;
  Word current, event;
  Word atr_bytes;
  unsigned char atr[kAtrBytes];
};

struct IoRequest {
  Word protocol, bytes;
};

constexpr Word kScopeSystem = 2;
constexpr Word kShareShared = 2;
constexpr Word kProtocolT0 = 1, kProtocolT1 = 2;
constexpr Word kLeave = 0;
constexpr Word kStateUnaware = 0, kStateChanged = 2;
constexpr Word kStateUse = 0x80 | 0x100 | 0x400;  // exclusive, in use, unpowered: what programs do with a token that stays
constexpr char kNewReader[] = "\\\\?PnP?\\Notification";  // its state changes when a reader comes or goes

using EstablishContext = Long(LNX_PCSC_CALL*)(Word scope, const void*, const void*, Context*);
using ReleaseContext = Long(LNX_PCSC_CALL*)(Context);
using ListReaders = Long(LNX_PCSC_CALL*)(Context, const char* groups, char* readers, Word* bytes);
using Connect = Long(LNX_PCSC_CALL*)(Context, const char* reader, Word share, Word protocols, Handle*, Word* active);
using Reconnect = Long(LNX_PCSC_CALL*)(Handle, Word share, Word protocols, Word initialization, Word* active);
using Disconnect = Long(LNX_PCSC_CALL*)(Handle, Word disposition);
using BeginTransaction = Long(LNX_PCSC_CALL*)(Handle);
using EndTransaction = Long(LNX_PCSC_CALL*)(Handle, Word disposition);
using Transmit = Long(LNX_PCSC_CALL*)(Handle, const IoRequest*, const unsigned char*, Word, IoRequest*, unsigned char*, Word*);
using GetStatusChange = Long(LNX_PCSC_CALL*)(Context, Word timeout_ms, ReaderState*, Word count);
using Cancel = Long(LNX_PCSC_CALL*)(Context);

}  // namespace lnx::token::pcsc
