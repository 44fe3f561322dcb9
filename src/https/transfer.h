// One request under way in libcurl, for those of this room that perform it.
#pragma once
#include <curl/curl.h>

#include <atomic>
#include <memory>

#include "https/fetch.h"

namespace bz::https {

class Transfer {
 public:
  // All but `ca_pem` are kept by reference.
  Transfer(const Request& request, const Limits& limits, std::string_view ca_pem, const std::atomic<bool>* stop);
  Transfer(const Transfer&) = delete;
  // null: libcurl had no memory.
  CURL* curl() const { return curl_.get(); }
  // When libcurl has ended with it.
  Result<Reply> outcome(CURLcode code);

 private:
  struct FreeCurl {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  static size_t on_body(char* data, size_t, size_t size, void* argument);
  static size_t on_header(char* data, size_t, size_t size, void* argument);
  static int on_progress(void* argument, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
  void set_up(std::string_view ca_pem);
  void set_headers();

  const Request& request_;
  const Limits& limits_;
  const std::atomic<bool>* stop_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::unique_ptr<CURL, FreeCurl> curl_;
  Reply reply_{};
  size_t header_bytes_ = 0;
  bool too_large_ = false;
  char reason_[CURL_ERROR_SIZE] = "";
};

}  // namespace bz::https
