// Fuzzy matching of text (RFC 6203): words in any order, with typing errors. Works on folded UTF-8 (mime/text.h); pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bz::store {

inline constexpr size_t kFuzzyWords = 16;         // of one search string; with more it is a phrase and nothing else
inline constexpr size_t kFuzzyLetters = 64;       // of a word; longer ones are found exactly or not at all
inline constexpr size_t kFuzzyText = 256 * 1024;  // octets of a text that are read for words with errors
inline constexpr size_t kFuzzyKeys = 32;          // of one search; further ones are matched exactly

enum class WordHit : uint8_t { None, Typo, Exact };

class FuzzyNeedle {
 public:
  explicit FuzzyNeedle(std::string folded);
  bool phrase_in(std::string_view text) const { return text.find(phrase_) != std::string_view::npos; }
  // For each word: Exact when it stands somewhere in the text, also inside another word; Typo when a word of the text has
  // the same first letter and at most one error (from four letters on) or two (from eight on): a letter too many, missing,
  // wrong, or two that changed places. Time: text x words.
  std::vector<WordHit> words_in(std::string_view text) const;
  size_t words() const { return words_.size(); }

 private:
  struct Word {
    std::string text;
    std::u32string letters;
    unsigned errors = 0;  // allowed
  };
  std::string phrase_;
  std::vector<Word> words_;
};

// Where the words of a needle were found, at their best.
struct FuzzyFound {
  bool phrase_in_header = false, phrase_in_body = false;
  std::vector<WordHit> header, body;  // by word; empty: not looked at

  bool matches(size_t words) const;  // the phrase, or every word somewhere
  // 1 to 100, of what matches: 100 the phrase in a header field, 50 in the body; else the average of its words, each 80 or,
  // with an error, 30, half of that in the body.
  unsigned relevancy(size_t words) const;
};

// Errors that turn `a` into `b` (optimal string alignment), or limit + 1 when there are more. At most kFuzzyLetters each.
unsigned typing_errors(std::u32string_view a, std::u32string_view b, unsigned limit);

}  // namespace bz::store
