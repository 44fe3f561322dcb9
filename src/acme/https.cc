#include "acme/https.h"

#include <curl/curl.h>

#include "base/text.h"

namespace bz::acme {
namespace {

constexpr size_t kQueue = 64, kMaxHeaders = 32 << 10;
constexpr long kConnectSeconds = 10, kSeconds = 30;

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Transfer {
  HttpReply reply;
  size_t headers = 0;
  bool too_large = false;
  const std::atomic<bool>* stop = nullptr;
};

size_t on_body(char* data, size_t, size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  transfer.too_large = transfer.reply.body.size() + size > kMaxReply;
  if (transfer.too_large) return 0;
  transfer.reply.body.append(data, size);
  return size;
}

size_t on_header(char* data, size_t, size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  transfer.headers += size;
  transfer.too_large = transfer.headers > kMaxHeaders;
  if (transfer.too_large) return 0;
  const std::string_view line(data, size);
  const size_t colon = line.find(':');
  if (colon == line.npos) return size;
  const std::string_view name = line.substr(0, colon);
  const std::string value(base::trim(line.substr(colon + 1)));
  if (base::iequals(name, "Replay-Nonce")) transfer.reply.nonce = value;
  if (base::iequals(name, "Location")) transfer.reply.location = value;
  if (base::iequals(name, "Retry-After")) transfer.reply.retry_after = value;
  return size;
}

int on_progress(void* argument, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(argument)->stop->load() ? 1 : 0;
}

// What an administrator can do about it; libcurl's own words follow.
std::string_view advice(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "its name cannot be resolved: does DNS work on this machine?";
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
      return "it cannot be reached: may this machine connect outward?";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "its certificate is not trusted: for an authority of one's own set acme.ca_file, else install ca-certificates";
    default:
      return "the request failed";
  }
}

void set_request(CURL* curl, const HttpRequest& request, const std::string& ca_pem, Https::Allow allow) {
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, allow == Https::Allow::TlsOnly ? "https" : "http");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, kSeconds);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "buzon/0.1.0");  // RFC 8555 section 6.1
  if (!ca_pem.empty()) {
    curl_blob blob{const_cast<char*>(ca_pem.data()), ca_pem.size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
}

Result<HttpReply> perform(const HttpRequest& request, const std::string& ca_pem, Https::Allow allow,
                          const std::atomic<bool>& stop) {
  std::unique_ptr<CURL, FreeCurl> curl(curl_easy_init());
  if (!curl) return fail(Errc::Internal, "libcurl");
  Transfer transfer;
  transfer.stop = &stop;
  set_request(curl.get(), request, ca_pem, allow);
  std::unique_ptr<curl_slist, FreeList> headers;
  auto add = [&](const std::string& line) { headers.reset(curl_slist_append(headers.release(), line.c_str())); };
  add("Expect:");  // no 100-continue
  if (!request.content_type.empty()) add("Content-Type: " + request.content_type);
  if (!request.accept.empty()) add("Accept: " + request.accept);
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  const CURLcode code = curl_easy_perform(curl.get());
  if (transfer.too_large) return fail(Errc::TooLarge, plain(request.url) + ": the reply is too large");
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::Cancelled, "the role is ending");
  if (code != CURLE_OK) {
    return fail(Errc::Unavailable, plain(request.url) + ": " + std::string(advice(code)) + " (" +
                                       plain(reason[0] ? reason : curl_easy_strerror(code)) + ")");
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.reply.status = static_cast<int>(status);
  return std::move(transfer.reply);
}

}  // namespace

Result<void> Https::prepare() {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail(Errc::Internal, "libcurl cannot start");
  return {};
}

Https::Https(net::Loop& loop, Allow allow)
    : loop_(loop),
      ca_pem_(std::make_shared<const std::string>()),
      allow_(allow),
      stop_(std::make_shared<std::atomic<bool>>(false)),
      pool_(1, kQueue) {}

Https::~Https() { stop_->store(true); }

Task<Result<HttpReply>> Https::send(HttpRequest request) {
  auto work = [request = std::move(request), ca = ca_pem_, allow = allow_, stop = stop_] {
    return stop->load() ? Result<HttpReply>(fail(Errc::Cancelled, "the role is ending"))
                        : perform(request, *ca, allow, *stop);
  };
  auto working = pool_.run<HttpReply>(loop_, std::move(work));
  auto reply = co_await working;
  co_return std::move(reply);
}

}  // namespace bz::acme
