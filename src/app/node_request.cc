#include "app/node_request.h"

#include "crypto/node_certificate.h"
#include "os/file.h"

namespace bz::app {

Result<std::string> make_node_key(const std::string& folder, const std::string& name) {
  BZ_TRY(os::Fd place, os::open_folder(os::kHere, folder));
  if (os::exists(place.get(), kNodeKeyFile))
    return fail(Errc::Exists, folder + "/" + kNodeKeyFile + " is there already; nothing is overwritten");
  BZ_TRY(auto made, crypto::make_node_request(name, "gateway"));
  BZ_TRY_VOID(os::write_file(place.get(), kNodeKeyFile, made.key_pem.reveal(), 0600));
  return made.request_pem;
}

}  // namespace bz::app
