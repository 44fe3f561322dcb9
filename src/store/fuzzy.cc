#include "store/fuzzy.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace bz::store {
namespace {

constexpr unsigned kPhrase = 100, kExact = 80, kTypo = 30;

// Letters and digits; of what is not ASCII everything, since folding has made quotes and dashes of all kinds ASCII.
bool in_word(char c) { return base::is_alpha(c) || base::is_digit(c) || static_cast<unsigned char>(c) >= 0x80; }

template <class Use>
void each_word(std::string_view text, Use use) {
  for (size_t at = 0; at < text.size();) {
    const auto first = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), in_word);
    const auto last = std::find_if_not(first, text.end(), in_word);
    if (first == last) return;
    use(std::string_view(first, last));
    at = static_cast<size_t>(last - text.begin());
  }
}

// The letters of well-formed UTF-8, which folding makes; empty: more than kFuzzyLetters.
std::u32string letters_of(std::string_view word) {
  std::u32string out;
  if (word.size() > kFuzzyLetters * 4) return out;
  for (const char c : word) {
    const auto octet = static_cast<unsigned char>(c);
    if ((octet & 0xC0) == 0x80 && !out.empty())
      out.back() = out.back() << 6 | (octet & 0x3F);
    else
      out += octet < 0x80 ? octet : octet & (octet >= 0xF0 ? 0x07 : octet >= 0xE0 ? 0x0F : 0x1F);
  }
  if (out.size() > kFuzzyLetters) out.clear();
  return out;
}

}  // namespace

unsigned typing_errors(std::u32string_view a, std::u32string_view b, unsigned limit) {
  const size_t longer = std::max(a.size(), b.size()), shorter = std::min(a.size(), b.size());
  if (longer > kFuzzyLetters || longer - shorter > limit) return limit + 1;
  std::array<std::array<unsigned, kFuzzyLetters + 1>, 3> rows;
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = static_cast<unsigned>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto &above = rows[(i - 1) % 3], &before = rows[(i + 1) % 3];  // of i - 1 and i - 2
    row[0] = static_cast<unsigned>(i);
    unsigned least = row[0];
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (least > limit + 1) return limit + 1;  // a swap may still take one back
  }
  return std::min(rows[a.size() % 3][b.size()], limit + 1);
}

FuzzyNeedle::FuzzyNeedle(std::string folded) : phrase_(std::move(folded)) {
  each_word(phrase_, [&](std::string_view word) {
    Word made{std::string(word), letters_of(word), 0};
    if (made.letters.size() >= 4) made.errors = made.letters.size() >= 8 ? 2 : 1;
    words_.push_back(std::move(made));
  });
  if (words_.size() > kFuzzyWords) words_.clear();
}

std::vector<WordHit> FuzzyNeedle::words_in(std::string_view text) const {
  std::vector<WordHit> hits(words_.size(), WordHit::None);
  std::vector<size_t> open;  // words that may stand there with an error
  for (size_t i = 0; i < words_.size(); ++i) {
    if (text.find(words_[i].text) != std::string_view::npos)
      hits[i] = WordHit::Exact;
    else if (words_[i].errors > 0)
      open.push_back(i);
  }
  if (open.empty()) return hits;
  each_word(text.substr(0, kFuzzyText), [&](std::string_view there) {
    if (open.empty()) return;
    auto same = [&](size_t i) {
      const Word& word = words_[i];
      if (word.text[0] != there[0] || there.size() > 4 * (word.letters.size() + word.errors)) return false;
      const std::u32string letters = letters_of(there);
      return !letters.empty() && letters[0] == word.letters[0] &&
             typing_errors(word.letters, letters, word.errors) <= word.errors;
    };
    std::erase_if(open, [&](size_t i) {
      if (!same(i)) return false;
      hits[i] = WordHit::Typo;
      return true;
    });
  });
  return hits;
}

bool FuzzyFound::matches(size_t words) const {
  if (phrase_in_header || phrase_in_body) return true;
  auto found = [](const std::vector<WordHit>& hits, size_t i) { return i < hits.size() && hits[i] != WordHit::None; };
  for (size_t i = 0; i < words; ++i)
    if (!found(header, i) && !found(body, i)) return false;
  return words > 0;
}

unsigned FuzzyFound::relevancy(size_t words) const {
  if (phrase_in_header) return kPhrase;
  auto points = [](const std::vector<WordHit>& hits, size_t i) -> unsigned {
    if (i >= hits.size() || hits[i] == WordHit::None) return 0;
    return hits[i] == WordHit::Exact ? kExact : kTypo;
  };
  unsigned sum = 0;
  for (size_t i = 0; i < words; ++i) sum += std::max(points(header, i), points(body, i) / 2);
  const unsigned average = words > 0 ? sum / static_cast<unsigned>(words) : 0;
  return std::max({average, phrase_in_body ? kPhrase / 2 : 0, 1u});
}

}  // namespace bz::store
