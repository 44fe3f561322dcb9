// LANGUAGE (RFC 5255).
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Language, responses_change_from_the_language_response_on) {
  World w;
  Client c(w);
  EXPECT_THAT(c.ask("a CAPABILITY"), HasSubstr(" LANGUAGE "));
  EXPECT_EQ(c.ask("b LANGUAGE"), "* LANGUAGE (i-default en es)\r\nb OK LANGUAGE completed\r\n");
  EXPECT_EQ(c.ask("c LANGUAGE fr es-ES"), "* LANGUAGE (es)\r\nc OK Idioma cambiado\r\n");
  EXPECT_EQ(c.ask("d SELECT Nowhere"), "d NO [NONEXISTENT] No existe ese buz\xC3\xB3n\r\n");
  EXPECT_THAT(c.ask("e SELECT INBOX"), HasSubstr("* OK [UIDNEXT 1] Pr\xC3\xB3ximo UID previsto\r\n"));
  EXPECT_EQ(c.ask("f NOOP"), "f OK NOOP terminado\r\n");
  EXPECT_EQ(c.ask("g FETCH 1 NOTHING"), "g BAD Orden incorrecta (Unknown FETCH item)\r\n");
  EXPECT_EQ(c.ask("h LANGUAGE fr"), "h NO Aqu\xC3\xAD no se habla ninguno de esos idiomas\r\n");
  EXPECT_EQ(c.ask("i LANGUAGE default"), "* LANGUAGE (i-default)\r\ni OK Language changed\r\n");
  EXPECT_EQ(c.ask("j SELECT Nowhere"), "* OK [CLOSED] Previous mailbox closed\r\nj NO [NONEXISTENT] No such mailbox\r\n");
  EXPECT_EQ(c.ask("k LANGUAGE en-GB"), "* LANGUAGE (en)\r\nk OK Language changed\r\n");
  EXPECT_THAT(c.ask("l LANGUAGE e_n"), StartsWith("l BAD "));
  c.ask("m LANGUAGE es");
  EXPECT_THAT(c.ask("n LOGOUT"), StartsWith("* BYE Cerrando la sesi\xC3\xB3n\r\n"));
}
TEST(Language, the_end_of_a_session_is_told_in_it) {
  World w;
  Client c(w);
  c.ask("a LANGUAGE es");
  c.session().stop("");
  EXPECT_EQ(c.rest(), "* BYE El servidor ha terminado la sesi\xC3\xB3n\r\n");
}

}  // namespace
}  // namespace bz::imapd
