// Reads file names from standard input, one per line, and prints one JSON object per file: ENVELOPE, BODYSTRUCTURE and BODY
// as IMAP text, made of the file with its line ends as CRLF. Text is ASCII by promise of the room; that is checked by the
// reader.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "mime/record.h"

namespace {

std::string crlf(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) out += '\r';
    out += text[i];
  }
  return out;
}

std::string json(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 32 || byte > 126) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(byte));
      out += buffer;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

int main() {
  for (std::string name; std::getline(std::cin, name);) {
    std::ifstream file(name, std::ios::binary);
    std::string raw = crlf(std::string(std::istreambuf_iterator<char>(file), {}));
    auto parsed = bz::mime::parse_message(raw);
    if (!parsed) {
      std::cout << "{\"file\":" << json(name) << ",\"error\":" << json(parsed.error().to_string()) << "}\n";
      continue;
    }
    auto again = bz::mime::ParsedMessage::decode(parsed->encode());
    std::cout << "{\"file\":" << json(name) << ",\"size\":" << parsed->size << ",\"record\":" << parsed->encode().size()
              << ",\"round_trip\":" << (again && *again == *parsed ? "true" : "false")
              << ",\"envelope\":" << json(parsed->envelope) << ",\"bodystructure\":" << json(parsed->bodystructure)
              << ",\"body\":" << json(parsed->body) << "}\n";
  }
  return 0;
}
