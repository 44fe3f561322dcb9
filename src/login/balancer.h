// A door behind balancers: each connection begins with a PROXY protocol header that says for whom it was made. Believed
// from the door's list of addresses only, and asked of everyone there: whether a header comes is never guessed, or any
// client could name another address as its own (specification, section 5).
#pragma once
#include "login/client.h"

namespace bz::login {

// Reads the header and nothing behind it. The client's address and the one it connected to become those of the connection,
// or stay the balancer's own where the header names none (health checks). False: refused, and said in the log.
Task<bool> take_proxy_header(Client& client);

}  // namespace bz::login
