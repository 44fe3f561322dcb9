#include "gss/acceptor.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/check.h"

namespace bz::gss {

namespace {

constexpr size_t kMaxToken = 64 << 10, kMaxWrapped = 8 << 10;
constexpr const char* kServices[] = {"imap", "pop", "smtp"};

gss_OID_desc g_krb5{9, const_cast<char*>("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")};  // RFC 1964: 1.2.840.113554.1.2.2
gss_OID_desc g_spnego{6, const_cast<char*>("\x2b\x06\x01\x05\x05\x02")};            // RFC 4178: 1.3.6.1.5.5.2

gss_buffer_desc view_of(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

// A buffer that the library has filled.
struct Buffer {
  gss_buffer_desc raw = GSS_C_EMPTY_BUFFER;
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    OM_uint32 minor = 0;
    gss_release_buffer(&minor, &raw);
  }
  std::string text() const { return {static_cast<const char*>(raw.value), raw.length}; }
};

std::string status_text(OM_uint32 code, int kind) {
  std::string out;
  OM_uint32 more = 0;
  do {
    Buffer text;
    OM_uint32 minor = 0;
    if (GSS_ERROR(gss_display_status(&minor, code, kind, &g_krb5, &more, &text.raw))) break;
    out += (out.empty() ? "" : ", ") + text.text();
  } while (more != 0 && out.size() < 500);
  return out;
}

Error error_of(Errc code, OM_uint32 major, OM_uint32 minor) {
  std::string text = status_text(major, GSS_C_GSS_CODE);
  if (minor != 0) text += ": " + status_text(minor, GSS_C_MECH_CODE);
  return Error(code, "Kerberos: " + text);
}

Error error_of(krb5_context context, krb5_error_code code) {
  const char* text = krb5_get_error_message(context, code);
  Error error(Errc::Internal, std::string("Kerberos: ") + text);
  krb5_free_error_message(context, text);
  return error;
}

class Credential {
 public:
  Credential() = default;
  Credential(Credential&& other) noexcept : raw_(std::exchange(other.raw_, GSS_C_NO_CREDENTIAL)) {}
  Credential& operator=(Credential&&) = delete;
  ~Credential() {
    OM_uint32 minor = 0;
    gss_release_cred(&minor, &raw_);
  }
  gss_cred_id_t get() const { return raw_; }

  static Result<Credential> acquire(const std::string& service, Mechanism mechanism, const std::string& keytab,
                                    const std::string& replay_cache) {
    // A service name without a host: every key of the service in the keytab will do.
    gss_buffer_desc text = view_of(service);
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 minor = 0, ignored = 0;
    OM_uint32 major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
    if (GSS_ERROR(major)) return error_of(Errc::Internal, major, minor);
    gss_OID_set_desc wanted{1, mechanism == Mechanism::Krb5 ? &g_krb5 : &g_spnego};
    gss_key_value_element_desc elements[] = {{"keytab", keytab.c_str()}, {"rcache", replay_cache.c_str()}};
    gss_key_value_set_desc store{std::size(elements), elements};
    Credential out;
    major =
        gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &wanted, GSS_C_ACCEPT, &store, &out.raw_, nullptr, nullptr);
    gss_release_name(&ignored, &name);
    if (GSS_ERROR(major)) return error_of(Errc::Internal, major, minor);
    if (mechanism == Mechanism::Krb5) return out;
    gss_OID_set_desc only{1, &g_krb5};
    major = gss_set_neg_mechs(&minor, out.raw_, &only);
    if (GSS_ERROR(major)) return error_of(Errc::Internal, major, minor);
    return out;
  }

 private:
  gss_cred_id_t raw_ = GSS_C_NO_CREDENTIAL;
};

// What all contexts of one keytab share; it lives as long as one of them does.
struct Keys {
  krb5_context context = nullptr;
  krb5_keytab keytab = nullptr;
  std::map<std::pair<std::string, Mechanism>, Credential> credentials{};
  Keys() = default;
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  ~Keys() {
    credentials.clear();
    if (keytab) krb5_kt_close(context, keytab);
    if (context) krb5_free_context(context);
  }
};

class KerberosContext : public Context {
 public:
  KerberosContext(std::shared_ptr<const Keys> keys, const Credential& credential, std::string_view server_end_point)
      : keys_(std::move(keys)), credential_(credential) {
    if (!server_end_point.empty()) bindings_ = "tls-server-end-point:" + std::string(server_end_point);
  }
  ~KerberosContext() override {
    OM_uint32 minor = 0;
    gss_delete_sec_context(&minor, &context_, GSS_C_NO_BUFFER);
  }

  Result<Answer> accept(std::string_view token) override {
    BZ_CHECK(!complete_, "accept() after the end");
    if (token.size() > kMaxToken) return fail(Errc::Invalid, "token too long");
    gss_buffer_desc in = view_of(token);
    gss_channel_bindings_struct bindings{};
    bindings.application_data = view_of(bindings_);
    Name client;
    Buffer out;
    gss_OID mechanism = GSS_C_NO_OID;
    OM_uint32 minor = 0, flags = 0, ignored = 0;
    gss_cred_id_t delegated = GSS_C_NO_CREDENTIAL;
    OM_uint32 major = gss_accept_sec_context(&minor, &context_, credential_.get(), &in,
                                             bindings_.empty() ? GSS_C_NO_CHANNEL_BINDINGS : &bindings, &client.raw,
                                             &mechanism, &out.raw, &flags, nullptr, &delegated);
    // Tickets that a client hands on are not for us to keep.
    if (delegated != GSS_C_NO_CREDENTIAL) gss_release_cred(&ignored, &delegated);
    if (GSS_ERROR(major)) {
      bool broken = GSS_ROUTINE_ERROR(major) == GSS_S_DEFECTIVE_TOKEN;
      return error_of(broken ? Errc::Invalid : Errc::Denied, major, minor);
    }
    if (major & GSS_S_CONTINUE_NEEDED) {
      if (out.raw.length == 0) return fail(Errc::Invalid, "Kerberos: goes on without a token");
      return Answer{out.text(), false};
    }
    BZ_TRY_VOID(take_client(client.raw, mechanism, flags));
    return Answer{out.text(), true};
  }

  Result<std::string> wrap(std::string_view message) override {
    BZ_CHECK(complete_, "wrap() before the end");
    gss_buffer_desc in = view_of(message);
    Buffer out;
    OM_uint32 minor = 0;
    OM_uint32 major = gss_wrap(&minor, context_, 0, GSS_C_QOP_DEFAULT, &in, nullptr, &out.raw);
    if (GSS_ERROR(major)) return error_of(Errc::Denied, major, minor);
    return out.text();
  }

  Result<std::string> unwrap(std::string_view message) override {
    BZ_CHECK(complete_, "unwrap() before the end");
    if (message.size() > kMaxWrapped) return fail(Errc::Invalid, "wrapped message too long");
    gss_buffer_desc in = view_of(message);
    Buffer out;
    OM_uint32 minor = 0;
    OM_uint32 major = gss_unwrap(&minor, context_, &in, &out.raw, nullptr, nullptr);
    if (GSS_ERROR(major)) {
      bool broken = GSS_ROUTINE_ERROR(major) == GSS_S_DEFECTIVE_TOKEN;
      return error_of(broken ? Errc::Invalid : Errc::Denied, major, minor);
    }
    return out.text();
  }

  const std::string& principal() const override { return principal_; }
  bool bound() const override { return bound_; }

 private:
  struct Name {
    gss_name_t raw = GSS_C_NO_NAME;
    Name() = default;
    Name(const Name&) = delete;
    Name& operator=(const Name&) = delete;
    ~Name() {
      OM_uint32 minor = 0;
      gss_release_name(&minor, &raw);
    }
  };

  Result<void> take_client(gss_name_t client, gss_OID mechanism, OM_uint32 flags) {
    if (mechanism == GSS_C_NO_OID || !gss_oid_equal(mechanism, &g_krb5))
      return fail(Errc::Denied, "another mechanism than Kerberos");
    if (flags & GSS_C_ANON_FLAG) return fail(Errc::Denied, "an anonymous ticket");
    Buffer text;
    gss_OID type = GSS_C_NO_OID;
    OM_uint32 minor = 0;
    OM_uint32 major = gss_display_name(&minor, client, &text.raw, &type);
    if (GSS_ERROR(major)) return error_of(Errc::Denied, major, minor);
    if (type == GSS_C_NO_OID || !gss_oid_equal(type, GSS_KRB5_NT_PRINCIPAL_NAME))
      return fail(Errc::Denied, "a name that is no principal");
    principal_ = text.text();
    bound_ = (flags & GSS_C_CHANNEL_BOUND_FLAG) != 0;
    complete_ = true;
    return {};
  }

  std::shared_ptr<const Keys> keys_;  // shared with the acceptor, which a reload may replace while this context lives
  const Credential& credential_;
  std::string bindings_, principal_;
  gss_ctx_id_t context_ = GSS_C_NO_CONTEXT;
  bool complete_ = false, bound_ = false;
};

class KerberosAcceptor : public Acceptor {
 public:
  explicit KerberosAcceptor(std::shared_ptr<const Keys> keys) : keys_(std::move(keys)) {}
  Result<std::shared_ptr<Context>> begin(Mechanism mechanism, std::string_view service,
                                         std::string_view server_end_point) override {
    auto it = keys_->credentials.find({std::string(service), mechanism});
    if (it == keys_->credentials.end())
      return fail(Errc::NotFound, "the keytab has no key of the service " + std::string(service));
    return std::shared_ptr<Context>(std::make_shared<KerberosContext>(keys_, it->second, server_end_point));
  }

 private:
  std::shared_ptr<const Keys> keys_;
};

krb5_data data_of(std::string_view bytes) {
  return {KV5M_DATA, static_cast<unsigned>(bytes.size()), const_cast<char*>(bytes.data())};
}

Result<void> add_key(Keys& keys, const KeytabEntry& entry) {
  std::vector<krb5_data> components;
  for (const std::string& component : entry.components) components.push_back(data_of(component));
  krb5_principal_data principal{KV5M_PRINCIPAL, data_of(entry.realm), components.data(),
                                static_cast<krb5_int32>(components.size()), static_cast<krb5_int32>(entry.name_type)};
  std::string_view bytes = entry.key.reveal();
  krb5_keytab_entry added{};
  added.principal = &principal;
  added.timestamp = static_cast<krb5_timestamp>(entry.timestamp);
  added.vno = entry.version;
  added.key = {KV5M_KEYBLOCK, entry.encryption, static_cast<unsigned>(bytes.size()),
               reinterpret_cast<krb5_octet*>(const_cast<char*>(bytes.data()))};
  if (auto code = krb5_kt_add_entry(keys.context, keys.keytab, &added)) return error_of(keys.context, code);
  return {};
}

}  // namespace

std::string library_settings(std::string_view default_realm, base::Millis clock_skew) {
  return "[libdefaults]\n default_realm = " + std::string(default_realm) +
         "\n clockskew = " + std::to_string(clock_skew.count() / 1000) +
         "\n permitted_enctypes = aes camellia\n dns_lookup_realm = false\n dns_lookup_kdc = false\n"
         " dns_canonicalize_hostname = false\n rdns = false\n";
}

void init_library(const std::string& settings_file) {
  ::setenv("KRB5_CONFIG", settings_file.c_str(), 1);
  ::setenv("GSS_MECH_CONFIG", "/dev/null", 1);
}

Result<std::shared_ptr<Acceptor>> Acceptor::make(const std::vector<KeytabEntry>& entries, const std::string& replay_cache) {
  static std::atomic<unsigned> number{0};
  auto keys = std::make_shared<Keys>();
  if (auto code = krb5_init_context(&keys->context)) return error_of(nullptr, code);
  const std::string name = "MEMORY:buzon-" + std::to_string(++number);
  if (auto code = krb5_kt_resolve(keys->context, name.c_str(), &keys->keytab)) return error_of(keys->context, code);
  for (const KeytabEntry& entry : entries) {
    BZ_TRY_VOID(add_key(*keys, entry));
  }
  for (const char* service : kServices) {
    bool there = false;
    for (const KeytabEntry& entry : entries) there = there || entry.is_of(service);
    if (!there) continue;
    for (Mechanism mechanism : {Mechanism::Krb5, Mechanism::Negotiated}) {
      BZ_TRY(Credential credential, Credential::acquire(service, mechanism, name, "file2:" + replay_cache));
      keys->credentials.emplace(std::pair(std::string(service), mechanism), std::move(credential));
    }
  }
  if (keys->credentials.empty())
    return fail(Errc::Invalid, "the keytab has no key of a service imap, pop or smtp (imap/host.name@REALM)");
  return std::shared_ptr<Acceptor>(std::make_shared<KerberosAcceptor>(std::move(keys)));
}

}  // namespace bz::gss
