// What an account must show after each commit of a story, told by a model that knows nothing of the store, and the judge
// that compares. Used by the power cuts (power_loss_test.cc); the judge is itself tested there with accounts that are wrong
// on purpose.
#pragma once
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/account.h"

namespace bz::store {

using FlagNames = std::set<std::string>;

struct Op {
  enum class Kind : uint8_t { Append, Deliver, Flags, Expunge, Copy, Move, Create, Remove, Rename };
  Kind kind = Kind::Append;
  std::string box, other;  // mailbox; target or new name
  UidSet uids = {};
  FlagOp how = FlagOp::Add;
  FlagNames flags = {};
  int content = 0;       // which message, see octets()
  std::string queue_id;  // Deliver: the key of exactly-once
};

struct ModelMessage {
  int content = 0;
  FlagNames flags;
  bool operator==(const ModelMessage&) const = default;
};

struct ModelBox {
  uint32_t uid_next = 1;
  std::map<uint32_t, ModelMessage> messages;
  uint32_t validity = 0;  // 0: no client has seen it yet
  uint64_t modseq = 0;    // the highest a client has seen
};

struct Model {
  std::map<std::string, ModelBox> boxes;
  std::set<std::string> delivered;  // queue ids

  // The states that the commits of `op` lead through; the last is the one that an OK promises. Empty: nothing is written.
  std::vector<Model> after(const Op& op) const {
    Model next = *this;
    switch (op.kind) {
      case Op::Kind::Deliver:
        if (!next.delivered.insert(op.queue_id).second) return {};
        [[fallthrough]];
      case Op::Kind::Append:
        next.add(op.box, {op.content, op.flags});
        break;
      case Op::Kind::Flags:
        for (auto& [uid, message] : next.boxes.at(op.box).messages)
          if (op.uids.contains(uid)) message.flags = changed(message.flags, op);
        break;
      case Op::Kind::Expunge:
        std::erase_if(next.boxes.at(op.box).messages,
                      [&](const auto& m) { return op.uids.contains(m.first) && m.second.flags.contains("\\Deleted"); });
        break;
      case Op::Kind::Copy:
      case Op::Kind::Move:
        next.transfer(op);
        break;
      case Op::Kind::Create:
        next.boxes[op.box];
        break;
      case Op::Kind::Remove:
        next.boxes.erase(op.box);
        break;
      case Op::Kind::Rename:
        return next.rename(op);
    }
    return {next};
  }

 private:
  void add(const std::string& box, ModelMessage message) {
    ModelBox& to = boxes.at(box);
    to.messages[to.uid_next++] = std::move(message);
  }
  void transfer(const Op& op) {
    const auto source = boxes.at(op.box).messages;
    for (const auto& [uid, message] : source) {
      if (!op.uids.contains(uid)) continue;
      if (op.kind == Op::Kind::Move) boxes.at(op.box).messages.erase(uid);
      add(op.other, message);
    }
  }
  // INBOX stays and gives its messages away: two commits (RFC 3501 6.3.5).
  std::vector<Model> rename(const Op& op) {
    if (op.box != "INBOX") {
      boxes[op.other] = boxes.at(op.box);
      boxes.erase(op.box);
      return {*this};
    }
    boxes[op.other];
    std::vector<Model> states = {*this};
    transfer({Op::Kind::Move, op.box, op.other, UidSet::of({{1, UINT32_MAX}}), FlagOp::Add, {}, 0, {}});
    states.push_back(*this);
    return states;
  }
  static FlagNames changed(FlagNames flags, const Op& op) {
    if (op.how == FlagOp::Set) return op.flags;
    for (const auto& flag : op.flags) {
      if (op.how == FlagOp::Add)
        flags.insert(flag);
      else
        flags.erase(flag);
    }
    return flags;
  }
};

// What is wrong with a mailbox; `seen` is what the store shows.
inline void compare(const std::string& name, const ModelBox& must, const ModelBox& seen,
                    std::vector<std::string>& problems) {
  const auto where = [&](uint32_t uid) { return name + " UID " + std::to_string(uid); };
  if (must.validity != 0 && seen.validity != must.validity) problems.push_back("UIDVALIDITY of " + name + " changed");
  if (seen.modseq < must.modseq) problems.push_back("HIGHESTMODSEQ of " + name + " went back");
  if (seen.uid_next != must.uid_next) problems.push_back("UIDNEXT of " + name + " is wrong");
  for (const auto& [uid, message] : must.messages) {
    auto found = seen.messages.find(uid);
    if (found == seen.messages.end())
      problems.push_back("lost: " + where(uid));
    else if (found->second.content != message.content)
      problems.push_back("another message: " + where(uid));
    else if (found->second.flags != message.flags)
      problems.push_back("flags: " + where(uid));
  }
  for (const auto& [uid, message] : seen.messages)
    if (!must.messages.contains(uid))
      problems.push_back((uid < must.uid_next ? "came back: " : "never acknowledged: ") + where(uid));
}

inline std::vector<std::string> differences(const Model& must, const Model& seen) {
  std::vector<std::string> problems;
  for (const auto& [name, box] : must.boxes) {
    auto found = seen.boxes.find(name);
    if (found == seen.boxes.end())
      problems.push_back("mailbox lost: " + name);
    else
      compare(name, box, found->second, problems);
  }
  for (const auto& [name, box] : seen.boxes)
    if (!must.boxes.contains(name)) problems.push_back("mailbox came back: " + name);
  return problems;
}

// `states`: what was acknowledged, then the states that commits under way lead to. The first that fits is the verdict; if
// none does, the problems tell the nearest one.
struct Verdict {
  size_t state = 0;
  std::vector<std::string> problems;
};
inline Verdict judge(const std::vector<Model>& states, const Model& seen) {
  Verdict best{0, differences(states.front(), seen)};
  for (size_t i = 1; i < states.size() && !best.problems.empty(); ++i) {
    auto problems = differences(states[i], seen);
    if (problems.size() < best.problems.size()) best = {i, std::move(problems)};
  }
  return best;
}

// (UIDVALIDITY, UID) never names a second message, whatever happened in between (RFC 3501 2.3.1.1).
class UidMemory {
 public:
  std::vector<std::string> look(const Model& seen) {
    std::vector<std::string> problems;
    for (const auto& [name, box] : seen.boxes)
      for (const auto& [uid, message] : box.messages)
        if (contents_.try_emplace({box.validity, uid}, message.content).first->second != message.content)
          problems.push_back("repeated: UID " + std::to_string(uid) + " of " + name);
    return problems;
  }

 private:
  std::map<std::pair<uint32_t, uint32_t>, int> contents_;
};

}  // namespace bz::store
