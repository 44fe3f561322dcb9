#include "net/ocsp_post.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/http.h>

#include <memory>

#include "crypto/ocsp.h"
#include "crypto/tls.h"

namespace bz::net {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;

struct FreeText {
  void operator()(char* text) const { OPENSSL_free(text); }
};
using TextPtr = std::unique_ptr<char, FreeText>;

}  // namespace

Result<std::string> post_ocsp(const std::string& url, std::string_view request_der, base::Millis limit) {
  int tls = 0;
  char *host = nullptr, *port = nullptr, *path = nullptr;
  int good = OSSL_HTTP_parse_url(url.c_str(), &tls, nullptr, &host, &port, nullptr, &path, nullptr, nullptr);
  TextPtr own_host(host), own_port(port), own_path(path);
  if (good != 1 || tls != 0) return fail(Errc::Invalid, "no http:// address: " + url + " " + crypto::take_tls_errors());
  BioPtr request(BIO_new_mem_buf(request_der.data(), static_cast<int>(request_der.size())));
  // The proxy of the environment does not count: "" is none.
  BioPtr answer(OSSL_HTTP_transfer(nullptr, host, port, path, 0, "", nullptr, nullptr, nullptr, nullptr, nullptr, 0,
                                   nullptr, "application/ocsp-request", request.get(), "application/ocsp-response", 1,
                                   crypto::kMaxOcspResponse, static_cast<int>(limit.count() / 1000), 0));
  if (!answer) return fail(Errc::Unavailable, url + ": " + crypto::take_tls_errors());
  std::string out(crypto::kMaxOcspResponse, '\0');
  int size = BIO_read(answer.get(), out.data(), static_cast<int>(out.size()));
  out.resize(size > 0 ? static_cast<size_t>(size) : 0);
  (void)crypto::take_tls_errors();
  if (out.empty()) return fail(Errc::Unavailable, url + ": an empty answer");
  return out;
}

}  // namespace bz::net
