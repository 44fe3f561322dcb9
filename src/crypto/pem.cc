#include "crypto/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/tls.h"

namespace bz::crypto {

namespace {
int no_passphrase(char*, int, int, void*) { return -1; }

std::string drain(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}
}  // namespace

std::string take_tls_errors() {
  std::string out;
  while (unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    if (out.size() > 300) continue;
    if (!out.empty()) out += "; ";
    out += reason ? std::string(reason) : "code " + std::to_string(code);
  }
  return out;
}

Error openssl_error(Errc code, std::string_view what) {
  std::string reasons = take_tls_errors();
  return Error(code, std::string(what) + (reasons.empty() ? "" : ": " + reasons));
}

Result<std::vector<X509Ptr>> parse_certificates(std::string_view pem, size_t max_count) {
  if (pem.size() > kMaxPem * (max_count > kMaxChain ? 16 : 1)) return fail(Errc::TooLarge, "certificate file too long");
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<X509Ptr> out;
  while (out.size() < max_count) {
    X509Ptr next(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (!next) {
      unsigned long code = ERR_peek_last_error();
      bool at_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
      if (out.empty() || !at_end)
        return openssl_error(Errc::Invalid, "certificate " + std::to_string(out.size() + 1) + " in the PEM text");
      ERR_clear_error();
      return out;
    }
    out.push_back(std::move(next));
  }
  return fail(Errc::Limit, "more than " + std::to_string(max_count - 1) + " certificates");
}

Result<PkeyPtr> parse_private_key(const Secret& pem) {
  std::string_view text = pem.reveal();
  if (text.size() > kMaxPem) return fail(Errc::TooLarge, "key file too long");
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return openssl_error(Errc::Invalid, "private key (PEM, without passphrase)");
  return key;
}

Result<std::string> certificate_pem(X509* certificate) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1)
    return openssl_error(Errc::Internal, "writing a certificate");
  return drain(bio.get());
}

std::string certificate_der(X509* certificate) {
  unsigned char* der = nullptr;
  int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

Result<Secret> private_key_pem(EVP_PKEY* key) {
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_error(Errc::Internal, "writing a key");
  return Secret(drain(bio.get()));
}

}  // namespace bz::crypto
