#include "app/cli_device.h"

#include <algorithm>

#include "os/file.h"

namespace bz::app {

namespace {
constexpr size_t kMaxCertificate = 32 << 10;  // PEM; a control request holds 48 KiB
}

Result<std::string> take_certificate(std::vector<std::string>& words) {
  auto it = std::find(words.begin(), words.end(), "--certificate");
  if (it == words.end()) return std::string();
  auto file = std::next(it);
  if (file == words.end()) return fail(Errc::Invalid, "--certificate needs a file");
  BZ_TRY(std::string pem, os::read_file(os::kHere, *file, kMaxCertificate));
  *it = "--certificate-stdin";
  words.erase(file);
  return pem;
}

}  // namespace bz::app
