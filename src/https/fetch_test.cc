// What needs no server; tests/interop/tokens.py has one that lies, stalls and never ends.
#include <gtest/gtest.h>

#include "https/fetch.h"

namespace bz::https {
namespace {

TEST(Https, urls) {
  for (const char* good : {"https://id.example.org", "https://id.example.org:8443/keys?x=1", "https://[::1]/"})
    EXPECT_TRUE(is_url(good)) << good;
  for (const std::string& bad :
       {std::string("http://id.example.org/"), std::string("https://"), std::string("https:///keys"),
        std::string("ftp://x/"), std::string("https://user:secret@x/"), std::string("https://x/a b"),
        std::string("https://x/\n"), std::string("https://x/\xc3\xa4"), "https://x/" + std::string(2048, 'a'),
        std::string("file:///etc/passwd"), std::string()})
    EXPECT_FALSE(is_url(bad)) << bad;
  EXPECT_TRUE(is_url("http://ocsp.example.org/x", Scheme::Http));
  EXPECT_FALSE(is_url("https://ocsp.example.org/x", Scheme::Http));
  EXPECT_FALSE(is_url("http://", Scheme::Http));
}

TEST(Https, what_is_not_asked_for) {
  ASSERT_TRUE(prepare());
  EXPECT_EQ(fetch({.url = "http://127.0.0.1:1/"}, {}, "", nullptr).error().code(), Errc::Invalid);
  EXPECT_EQ(fetch({.url = "file:///etc/hostname"}, {}, "", nullptr).error().code(), Errc::Invalid);
  auto nobody = fetch({.url = "https://127.0.0.1:1/"}, {}, "", nullptr);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code(), Errc::Unavailable);
  EXPECT_NE(nobody.error().text().find("cannot be reached"), std::string::npos);
}

TEST(Https, headers_by_name) {
  Reply reply{.status = 200, .headers = {{"cache-control", "max-age=5"}}};
  EXPECT_EQ(reply.header("cache-control"), "max-age=5");
  EXPECT_EQ(reply.header("age"), "");
}

}  // namespace
}  // namespace bz::https
