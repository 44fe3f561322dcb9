#include "imap/language.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "imap/parser.h"

namespace bz::imap {
namespace {

std::optional<Language> choose(std::vector<std::string> ranges) { return choose_language(ranges); }

TEST(Language, the_first_range_that_something_speaks_decides) {
  EXPECT_EQ(choose({"es"}), Language::Spanish);
  EXPECT_EQ(choose({"ES-mx", "en"}), Language::Spanish);
  EXPECT_EQ(choose({"fr-CA", "en-CA"}), Language::English);
  EXPECT_EQ(choose({"es-x-private"}), Language::Spanish);
  EXPECT_EQ(choose({"fr", "de"}), std::nullopt);
  EXPECT_EQ(choose({"esperanto"}), std::nullopt);
  EXPECT_EQ(choose({"i-default"}), Language::Default);
  EXPECT_EQ(choose({"i"}), std::nullopt);
  EXPECT_EQ(choose({"fr", "default"}), Language::Default);
  EXPECT_EQ(choose({"*"}), Language::Default);
}
TEST(Language, ranges_have_their_syntax) {
  for (const char* good : {"*", "es", "es-419", "zh-Hant-TW", "i-default", "default", "abcdefgh-12345678"})
    EXPECT_TRUE(is_language_range(good)) << good;
  for (const char* bad : {"", "-", "es-", "-es", "e s", "es_MX", "1es", "abcdefghi", "es-*", "\xC3\xA9"})
    EXPECT_FALSE(is_language_range(bad)) << bad;
}
TEST(Language, the_command_takes_ranges_in_any_string_form) {
  auto read = [](std::string_view text) {
    ParsedCommand parsed = parse_command(text);
    return parsed.command() ? std::get<SetLanguage>(*parsed.command()).ranges : std::vector<std::string>{"refused"};
  };
  EXPECT_EQ(read("a LANGUAGE"), std::vector<std::string>{});
  EXPECT_EQ(read("a language es-MX \"en\" {2}\r\nfr *"), (std::vector<std::string>{"es-MX", "en", "fr", "*"}));
  for (const char* bad : {"a LANGUAGE ", "a LANGUAGE (es)", "a LANGUAGE \"\"", "a LANGUAGE es  en"})
    EXPECT_EQ(read(bad), std::vector<std::string>{"refused"}) << bad;
  std::string many = "a LANGUAGE";
  for (int i = 0; i < 33; ++i) many += " es";
  EXPECT_EQ(read(many), std::vector<std::string>{"refused"});
}
TEST(Language, texts_have_translations_and_keep_their_codes) {
  auto es = [](Condition condition, std::string_view text) { return in_language(Language::Spanish, condition, text); };
  EXPECT_EQ(es(Condition::No, "No such mailbox"), "No existe ese buz\xC3\xB3n");
  EXPECT_EQ(es(Condition::Ok, "UID-THING completed"), "UID-THING terminado");
  EXPECT_EQ(es(Condition::Bad, "Unknown sort key"), "Orden incorrecta (Unknown sort key)");
  EXPECT_EQ(es(Condition::Bad, "[TOOBIG] Literal too large"), "[TOOBIG] El literal es demasiado grande");
  EXPECT_EQ(es(Condition::Ok, "Completed for the last 500 messages"), "Terminado para los \xC3\xBAltimos 500 mensajes");
  EXPECT_EQ(es(Condition::No, "This device may not use IMAP"), "Este dispositivo no puede usar IMAP");
  EXPECT_EQ(es(Condition::Ok, "DEFLATE active"), "DEFLATE active") << "the gateway knows it by that";
  EXPECT_EQ(es(Condition::No, "nobody translated this"), "nobody translated this");
  for (const Language english : {Language::Default, Language::English})
    EXPECT_EQ(in_language(english, Condition::No, "No such mailbox"), "No such mailbox");
}
TEST(Language, tags_and_languages_belong_together) {
  for (const std::string_view name : language_tags()) EXPECT_EQ(tag(*language_of(name)), name);
  EXPECT_EQ(language_of("de"), std::nullopt);
  std::string out;
  language_response(out, language_tags());
  EXPECT_EQ(out, "* LANGUAGE (i-default en es)\r\n");
}
TEST(Language, texts_are_utf8_only_for_those_who_chose) {
  std::string out;
  tagged(out, "a", Condition::No, "NONEXISTENT", "buz\xC3\xB3n\r\n", true);
  EXPECT_EQ(out, "a NO [NONEXISTENT] buz\xC3\xB3n??\r\n");
  out.clear();
  untagged(out, Condition::No, "", "buz\xC3\xB3n");
  EXPECT_EQ(out, "* NO buz??n\r\n");
  out.clear();
  untagged(out, Condition::No, "", "\xC3", true);
  EXPECT_EQ(out, "* NO ?\r\n");
}

}  // namespace
}  // namespace bz::imap
