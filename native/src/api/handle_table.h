// Handles are numbers, not addresses: a table slot and its generation. A closed or made-up handle is recognised instead of
// followed, and closing waits for the calls that are inside.
#pragma once

#include <memory>

#include "lnx/lnx.h"
#include "session/session.h"

namespace lnx::api {

// Takes the session. LNX_E_ARGUMENT when too many sessions are open.
LnxHandle OpenHandle(std::unique_ptr<session::Session> session);

// Bars new calls, waits for those inside, and gives the session back. LNX_E_HANDLE when it is not open.
std::unique_ptr<session::Session> CloseHandle(LnxHandle handle);

// Keeps a session open while a call uses it.
class Use {
 public:
  explicit Use(LnxHandle handle);  // LNX_E_HANDLE
  ~Use();
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  session::Session* operator->() const { return session_; }

 private:
  uint32_t index_;
  session::Session* session_;
};

}  // namespace lnx::api
