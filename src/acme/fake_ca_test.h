// For the tests of this room: an authority with the rules of RFC 8555. It checks every signature, spends each nonce once,
// keeps accounts, orders and authorizations, asks the test whether a proof can be seen, and signs requests (by openssl(1)).
#pragma once
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "acme/session.h"
#include "crypto/signature.h"
#include "crypto/x509.h"

namespace bz::acme {

class FakeCa : public Http {
 public:
  FakeCa(base::Clock& clock, base::Random& random);
  Task<Result<HttpReply>> send(HttpRequest request) override;

  static constexpr char kDirectory[] = "https://ca.test/dir";
  // Whether the proof of that kind and key authorization can be seen for the name; else the error that the authority finds.
  std::function<std::optional<Problem>(const std::string& type, const std::string& name, const std::string& authorization)>
      see;
  std::string terms = "https://ca.test/terms";
  std::string eab_key_id;  // set: wanted
  Secret eab_key;
  int refuse_nonces = 0;                                 // so many good ones
  int fail_sends = 0;                                    // so many requests get no reply
  int polls_until_done = 1;                              // answers "pending" or "processing" before
  std::string retry_after;                               // on replies that are not final
  std::optional<std::pair<int, Problem>> refuse_orders;  // status, why
  bool reuse_authorizations = false;
  std::vector<std::string> offered = {"http-01", "tls-alpn-01", "dns-01"};
  // The test changes a reply before it goes: path and reply.
  std::function<void(const std::string& path, HttpReply&)> tamper;
  int days = 90;

  size_t accounts() const { return accounts_.size(); }
  std::vector<std::string> contacts;  // of the last registration
  std::vector<std::string> asked;     // "POST /new-order"
  size_t orders() const { return orders_.size(); }

 private:
  struct Account {
    std::string point;  // x and y
    crypto::PublicKey key;
  };
  struct Authz {
    std::string name, token, status = "pending", error_type, error_detail;
    bool wildcard = false, began = false;
    std::string begun_by;  // challenge
    int polls = 0;
    std::string account;
  };
  struct Order {
    std::vector<std::string> names;
    std::vector<size_t> authzs;
    std::string status = "pending", chain, account;
    int polls = 0;
  };
  HttpReply handle(const HttpRequest& request);
  HttpReply post(const std::string& path, const HttpRequest& request);
  HttpReply register_account(const boost::json::object& head, const std::string& payload);
  HttpReply new_order(const std::string& account, const boost::json::object& payload);
  HttpReply show_order(size_t number, const std::string& account);
  HttpReply show_authz(size_t number, const std::string& account);
  HttpReply finalize(size_t number, const boost::json::object& payload);
  HttpReply problem(int status, const std::string& type, const std::string& detail) const;
  std::string order_json(const Order& order, size_t number) const;
  std::string authz_json(const Authz& authz, size_t number) const;
  std::string thumbprint_of(const std::string& account) const;
  std::string fresh_nonce();
  std::string sign(const std::string& request_der, const std::vector<std::string>& names) const;

  base::Clock& clock_;
  base::Random& random_;
  crypto::CertifiedKey authority_;
  std::set<std::string> nonces_;
  std::map<std::string, Account> accounts_;  // by address
  std::vector<Order> orders_;
  std::vector<Authz> authzs_;
};

}  // namespace bz::acme
