#include "https/transfer.h"

#include <algorithm>

#include "base/text.h"

namespace bz::https {
namespace {

constexpr size_t kMaxHeaderLines = 100;

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

}  // namespace

Transfer::Transfer(const Request& request, const Limits& limits, std::string_view ca_pem, const std::atomic<bool>* stop)
    : request_(request), limits_(limits), stop_(stop), curl_(curl_easy_init()) {
  if (!curl_) return;
  set_up(ca_pem);
  set_headers();
}

size_t Transfer::on_body(char* data, size_t, size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  transfer.too_large_ = transfer.reply_.body.size() + size > transfer.limits_.body;
  if (transfer.too_large_) return 0;
  transfer.reply_.body.append(data, size);
  return size;
}

size_t Transfer::on_header(char* data, size_t, size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  Reply& reply = transfer.reply_;
  transfer.header_bytes_ += size;
  transfer.too_large_ = transfer.header_bytes_ > transfer.limits_.headers || reply.headers.size() >= kMaxHeaderLines;
  if (transfer.too_large_) return 0;
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) reply.headers.clear();  // of an interim reply (RFC 9110 section 15.2)
  size_t colon = line.find(':');
  if (colon == line.npos) return size;
  reply.headers.emplace_back(base::lower(line.substr(0, colon)), base::trim(line.substr(colon + 1)));
  return size;
}

int Transfer::on_progress(void* argument, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* stop = static_cast<Transfer*>(argument)->stop_;
  return stop && stop->load() ? 1 : 0;
}

void Transfer::set_up(std::string_view ca_pem) {
  CURL* const curl = curl_.get();
  const Request& request = request_;
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, request.scheme == Scheme::Https ? "https" : "http");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect_time.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limits_.time.count()));
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
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason_);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

void Transfer::set_headers() {
  headers_.reset(curl_slist_append(nullptr, "Expect:"));  // no 100-continue
  for (const auto& [name, value] : request_.headers) {
    std::string line = name + ": " + std::string(value.reveal());
    headers_.reset(curl_slist_append(headers_.release(), line.c_str()));
    base::wipe(line.data(), line.size());
  }
  curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers_.get());
}

Result<Reply> Transfer::outcome(CURLcode code) {
  if (too_large_) return fail(Errc::TooLarge, request_.url + ": the reply is too large");
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::Cancelled, "the role is ending");
  if (code != CURLE_OK) {
    return fail(Errc::Unavailable, request_.url + ": " + std::string(advice(code)) + " (" +
                                       plain(reason_[0] ? reason_ : curl_easy_strerror(code)) + ")");
  }
  long status = 0;
  curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
  reply_.status = static_cast<int>(status);
  return std::move(reply_);
}

}  // namespace bz::https
