#include "https/session.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "https/transfer.h"

namespace bz::https {
namespace {

constexpr int kLook = 500;                    // ms: how often `stop` is looked at
constexpr long kKeepAlive = 60, kIdle = 300;  // s: probes of TCP; a connection idle for longer is not used again

void use_identity(CURL* curl, const Identity& identity) {
  const auto blob = [](std::string_view bytes) {
    return curl_blob{const_cast<char*>(bytes.data()), bytes.size(), CURL_BLOB_COPY};
  };
  curl_blob certificate = blob(identity.certificate_pem), key = blob(identity.key_pem.reveal());
  curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &certificate);
  curl_easy_setopt(curl, CURLOPT_SSLCERTTYPE, "PEM");
  curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &key);
  curl_easy_setopt(curl, CURLOPT_SSLKEYTYPE, "PEM");
}

void use_http2(CURL* curl) {
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L);  // rather one connection's streams than connections
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, kKeepAlive);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, kKeepAlive);
  curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, kIdle);
}

bool was_http2(CURL* curl) {
  long version = 0;
  return curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version) == CURLE_OK && version == CURL_HTTP_VERSION_2_0;
}

}  // namespace

struct Session::Impl {
  struct FreeMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  Identity identity;
  std::unique_ptr<CURLM, FreeMulti> multi{curl_multi_init()};
};

Session::Session(Identity identity) : impl_(new Impl{std::move(identity)}) {
  if (!impl_->multi) return;
  curl_multi_setopt(impl_->multi.get(), CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  curl_multi_setopt(impl_->multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
}

Session::~Session() = default;

std::vector<Result<Reply>> Session::send(const std::vector<Request>& requests, const Limits& limits,
                                         const std::atomic<bool>* stop) {
  std::vector<Result<Reply>> replies;
  std::deque<Transfer> transfers;
  CURLM* const multi = impl_->multi.get();
  for (const Request& request : requests) {
    CURL* const curl = transfers.emplace_back(request, limits, impl_->identity.ca_pem, stop).curl();
    const bool good = multi && curl && is_url(request.url);
    replies.emplace_back(good ? fail(Errc::Unavailable, "it was not sent") : fail(Errc::Invalid, "no https URL"));
    if (!good) continue;
    use_identity(curl, impl_->identity);
    use_http2(curl);
    if (curl_multi_add_handle(multi, curl) != CURLM_OK) replies.back() = fail(Errc::Internal, "libcurl");
  }
  for (int running = 1; running > 0;) {
    if (!multi || curl_multi_perform(multi, &running) != CURLM_OK) break;
    if (stop && stop->load()) break;
    if (running > 0 && curl_multi_poll(multi, nullptr, 0, kLook, nullptr) != CURLM_OK) break;
  }
  int left = 0;
  while (CURLMsg* message = multi ? curl_multi_info_read(multi, &left) : nullptr) {
    const auto done = std::find_if(transfers.begin(), transfers.end(),
                                   [&](const Transfer& transfer) { return transfer.curl() == message->easy_handle; });
    if (message->msg != CURLMSG_DONE || done == transfers.end()) continue;
    Result<Reply>& reply = replies[static_cast<size_t>(done - transfers.begin())];
    reply = done->outcome(message->data.result);
    if (reply && !was_http2(done->curl())) reply = fail(Errc::Unavailable, "the server does not speak HTTP/2");
  }
  for (const Transfer& transfer : transfers) {
    if (multi && transfer.curl()) curl_multi_remove_handle(multi, transfer.curl());
  }
  return replies;
}

}  // namespace bz::https
