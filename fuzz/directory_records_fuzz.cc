// rooms: base crypto kv sasl directory
// What the directory reads: its records, addresses as clients and peers write them, networks of the configuration.
// First byte: which parser. Held: no crash; what was read is written and read again to the same; a normal address stays
// what it is and has both its halves.
#include <cstdint>

#include "base/check.h"
#include "directory/device.h"
#include "directory/entry.h"
#include "directory/guard.h"
#include "directory/source.h"

using namespace bz;
using namespace bz::directory;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 10) {
    case 0:
      if (auto account = Account::decode(text)) {
        auto again = Account::decode(account->encode());
        BZ_CHECK(again && *again == *account, "account record");
      }
      break;
    case 1:
      if (auto secrets = Secrets::decode(text)) {
        auto again = Secrets::decode(secrets->encode().reveal());
        BZ_CHECK(again && again->argon2id == secrets->argon2id, "secrets record");
        BZ_CHECK(again->encode().equals(secrets->encode().reveal()), "secrets record");
      }
      break;
    case 2:
      if (auto name = Name::decode(text)) {
        auto again = Name::decode(name->encode());
        BZ_CHECK(again && again->accounts == name->accounts && again->alias == name->alias, "address record");
      }
      break;
    case 3:
      if (auto address = normal_address(text)) {
        BZ_CHECK(normal_address(*address) == *address, "a normal address changes");
        BZ_CHECK(local_part(*address).size() <= 64 && !domain_part(*address).empty(), "halves of an address");
        BZ_CHECK(address->find_first_of(std::string_view(" \t\r\n\0", 5)) == address->npos, "space in an address");
      }
      break;
    case 4:
      if (auto network = Network::parse(text)) {
        BZ_CHECK(!network->contains("nonsense"), "a network contains no nonsense");
        std::string_view address = text.substr(0, text.find('/'));
        BZ_CHECK(network->contains(address), "a network contains its own address");
      }
      break;
    case 5:
      if (auto binding = Binding::decode(text)) {
        auto again = Binding::decode(binding->encode());
        BZ_CHECK(again && again->account == binding->account && again->directory_id == binding->directory_id, "binding");
      }
      break;
    case 6:
      if (auto book = DeviceBook::decode(text)) {
        const Secret written = book->encode();
        auto again = DeviceBook::decode(written.reveal());
        BZ_CHECK(again && again->encode().equals(written.reveal()), "device record");
        BZ_CHECK(book->open(Secret("pencil"), "") == nullptr, "a device is opened by no device password");
      }
      break;
    case 7:
      if (auto row = CertificateRow::decode(text)) {
        auto again = CertificateRow::decode(row->encode());
        BZ_CHECK(again && *again == *row, "certificate record");
      }
      break;
    case 8:
      if (auto use = DeviceUse::decode(text)) {
        auto again = DeviceUse::decode(use->encode());
        BZ_CHECK(again && *again == *use, "device use record");
      }
      break;
    case 9: {
      const ChosenDevice chosen = chosen_device(text);
      BZ_CHECK(chosen.user.size() + chosen.label.size() <= text.size(), "halves of a login name");
      if (auto password = device_password(text)) {
        BZ_CHECK(is_printed_device_password(password->reveal()), "a normal device password is printed so");
        BZ_CHECK(device_password(password->reveal())->equals(password->reveal()), "a normal device password changes");
      }
      const std::string label = device_label(text);
      BZ_CHECK(!label.empty() && label.size() <= kMaxDeviceLabel && device_label(label) == label, "device label");
      break;
    }
  }
  return 0;
}
