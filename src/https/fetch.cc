#include "https/fetch.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace bz::https {

namespace {

constexpr size_t kMaxUrl = 2048, kMaxHeaderLines = 100;

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Transfer {
  const Limits& limits;
  const std::atomic<bool>* stop;
  Reply reply{};
  size_t header_bytes = 0;
  bool too_large = false;
};

size_t on_body(char* data, size_t, size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  transfer.too_large = transfer.reply.body.size() + size > transfer.limits.body;
  if (transfer.too_large) return 0;
  transfer.reply.body.append(data, size);
  return size;
}

size_t on_header(char* data, size_t, size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  transfer.header_bytes += size;
  transfer.too_large = transfer.header_bytes > transfer.limits.headers || transfer.reply.headers.size() >= kMaxHeaderLines;
  if (transfer.too_large) return 0;
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) transfer.reply.headers.clear();  // of an interim reply (RFC 9110 section 15.2)
  size_t colon = line.find(':');
  if (colon == line.npos) return size;
  transfer.reply.headers.emplace_back(base::lower(line.substr(0, colon)), base::trim(line.substr(colon + 1)));
  return size;
}

int on_progress(void* argument, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* stop = static_cast<Transfer*>(argument)->stop;
  return stop && stop->load() ? 1 : 0;
}

// What an administrator can do about it; libcurl's own words follow.
std::string_view advice(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "its name cannot be resolved: does DNS work on this machine?";
    case CURLE_COULDNT_CONNECT:
      return "it cannot be reached: may this machine connect outward?";
    case CURLE_OPERATION_TIMEDOUT:
      return "it takes too long";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "its certificate is not trusted, or of another name: for an authority of one's own set the ca_file, else "
             "install ca-certificates";
    default:
      return "the request failed";
  }
}

// Words of libcurl may hold words of the server.
std::string plain(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

void set_up(CURL* curl, const Request& request, const Limits& limits, std::string_view ca_pem) {
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, request.scheme == Scheme::Https ? "https" : "http");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect_time.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.time.count()));
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "buzon/0.1.0");
  if (!ca_pem.empty()) {
    curl_blob blob{const_cast<char*>(ca_pem.data()), ca_pem.size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.reveal().size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.reveal().data());
  }
}

}  // namespace

std::string_view Reply::header(std::string_view name) const {
  auto it = std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; });
  return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

bool is_url(std::string_view text, Scheme scheme) {
  const std::string_view head = scheme == Scheme::Https ? "https://" : "http://";
  if (text.size() > kMaxUrl || !text.starts_with(head)) return false;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; })) return false;
  std::string_view rest = text.substr(head.size()), host = rest.substr(0, rest.find_first_of("/?#"));
  return !host.empty() && host.find('@') == host.npos;
}

Result<void> prepare() {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail(Errc::Internal, "libcurl cannot start");
  return {};
}

Result<Reply> fetch(const Request& request, const Limits& limits, std::string_view ca_pem, const std::atomic<bool>* stop) {
  if (!is_url(request.url, request.scheme))
    return fail(Errc::Invalid, request.scheme == Scheme::Https ? "no https URL" : "no http URL");
  std::unique_ptr<CURL, FreeCurl> curl(curl_easy_init());
  if (!curl) return fail(Errc::Internal, "libcurl");
  Transfer transfer{limits, stop};
  set_up(curl.get(), request, limits, ca_pem);
  std::unique_ptr<curl_slist, FreeList> headers(curl_slist_append(nullptr, "Expect:"));  // no 100-continue
  for (const auto& [name, value] : request.headers) {
    std::string line = name + ": " + std::string(value.reveal());
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
    base::wipe(line.data(), line.size());
  }
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
  if (transfer.too_large) return fail(Errc::TooLarge, request.url + ": the reply is too large");
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::Cancelled, "the role is ending");
  if (code != CURLE_OK) {
    return fail(Errc::Unavailable, request.url + ": " + std::string(advice(code)) + " (" +
                                       plain(reason[0] ? reason : curl_easy_strerror(code)) + ")");
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.reply.status = static_cast<int>(status);
  return std::move(transfer.reply);
}

}  // namespace bz::https
