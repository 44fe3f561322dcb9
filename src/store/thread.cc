#include "store/thread.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "mime/record.h"
#include "store/sort.h"

namespace bz::store {
namespace {

constexpr size_t kSlice = 256;        // messages between two turns of the lane
constexpr int kMaxAncestry = 10'000;  // steps upwards to rule out a loop
constexpr uint32_t kNone = UINT32_MAX;

using Tree = imap::ThreadTree;

// REFERENCES, step by step as RFC 5256 numbers them. Node i < messages.size() is message i, the others are dummies.
class ByReferences {
 public:
  explicit ByReferences(const std::vector<ThreadMessage>& messages) : messages_(messages) {}

  Tree run(bool with_subjects) {
    link_all();         // 1
    gather_children();  // 2
    prune();            // 3
    if (with_subjects) {
      sort_roots();        // 4
      merge_by_subject();  // 5
      sort_all();          // 6
    } else {
      sort_all();
      sort_by_newest();
    }
    for (uint32_t i = 0; i < messages_.size(); ++i) tree_.nodes[i].number = messages_[i].uid;
    return std::move(tree_);
  }

 private:
  bool dummy(uint32_t node) const { return node >= messages_.size(); }
  std::vector<uint32_t>& children(uint32_t node) { return tree_.nodes[node].children; }

  uint32_t new_node() {
    tree_.nodes.emplace_back();
    parent_.push_back(kNone);
    has_children_.push_back(false);
    return static_cast<uint32_t>(tree_.nodes.size() - 1);
  }

  uint32_t node_of(const std::string& id) {
    auto [at, is_new] = by_id_.try_emplace(id, kNone);
    if (is_new) at->second = new_node();
    return at->second;
  }

  bool would_loop(uint32_t parent, uint32_t child) const {
    if (parent == child) return true;
    if (!has_children_[child]) return false;
    int steps = 0;
    for (uint32_t up = parent; up != kNone; up = parent_[up])
      if (up == child || ++steps > kMaxAncestry) return true;
    return false;
  }

  void link_all() {
    for (size_t i = 0; i < messages_.size(); ++i) new_node();
    for (uint32_t i = 0; i < messages_.size(); ++i)
      if (!messages_[i].id.empty()) by_id_.try_emplace(messages_[i].id, i);  // of twins the first has the id
    for (uint32_t i = 0; i < messages_.size(); ++i) link(i, messages_[i].references);
  }

  // Steps 1.A and 1.B.
  void link(uint32_t message, const std::vector<std::string>& references) {
    uint32_t previous = kNone;
    for (const std::string& id : references) {
      const uint32_t node = node_of(id);
      if (previous != kNone && parent_[node] == kNone && !would_loop(previous, node)) adopt(previous, node);
      previous = node;
    }
    parent_[message] = kNone;
    if (previous != kNone && !would_loop(previous, message)) adopt(previous, message);
  }

  void adopt(uint32_t parent, uint32_t child) {
    parent_[child] = parent;
    has_children_[parent] = true;
  }

  void gather_children() {
    for (uint32_t node = 0; node < parent_.size(); ++node)
      (parent_[node] == kNone ? tree_.roots : children(parent_[node])).push_back(node);
  }

  // Children before parents.
  std::vector<uint32_t> bottom_up() const {
    std::vector<uint32_t> order(tree_.roots);
    for (size_t i = 0; i < order.size(); ++i)
      for (uint32_t child : tree_.nodes[order[i]].children) order.push_back(child);
    std::reverse(order.begin(), order.end());
    return order;
  }

  void prune() {
    for (uint32_t node : bottom_up()) {
      std::vector<uint32_t> kept;
      for (uint32_t child : children(node)) {
        if (!dummy(child))
          kept.push_back(child);
        else
          kept.insert(kept.end(), children(child).begin(), children(child).end());
      }
      children(node) = std::move(kept);
    }
    std::vector<uint32_t> roots;
    for (uint32_t root : tree_.roots) {
      if (!dummy(root) || children(root).size() > 1)
        roots.push_back(root);
      else if (children(root).size() == 1)
        roots.push_back(children(root).front());
    }
    tree_.roots = std::move(roots);
  }

  // A dummy speaks through its first child.
  uint32_t speaker(uint32_t node) {
    while (dummy(node)) node = children(node).front();
    return node;
  }
  bool earlier(uint32_t a, uint32_t b) {
    a = speaker(a);
    b = speaker(b);
    return std::pair(messages_[a].sent, a) < std::pair(messages_[b].sent, b);
  }
  void sort(std::vector<uint32_t>& nodes) {
    std::sort(nodes.begin(), nodes.end(), [this](uint32_t a, uint32_t b) { return earlier(a, b); });
  }
  void sort_roots() {
    for (uint32_t root : tree_.roots)
      if (dummy(root)) sort(children(root));
    sort(tree_.roots);
  }
  void sort_all() {
    for (uint32_t node : bottom_up()) sort(children(node));
    sort(tree_.roots);
  }

  void sort_by_newest() {
    std::vector<int64_t> newest(tree_.nodes.size(), INT64_MIN);
    for (uint32_t node : bottom_up()) {
      if (!dummy(node)) newest[node] = messages_[node].sent;
      for (uint32_t child : children(node)) newest[node] = std::max(newest[node], newest[child]);
    }
    std::sort(tree_.roots.begin(), tree_.roots.end(),
              [&](uint32_t a, uint32_t b) { return std::pair(newest[a], a) < std::pair(newest[b], b); });
  }

  const std::string& subject(uint32_t root) { return messages_[speaker(root)].subject; }
  bool is_reply(uint32_t node) const { return !dummy(node) && messages_[node].is_reply; }

  // Step 5.B: which thread of a subject the others join.
  std::unordered_map<std::string, uint32_t> subject_table() {
    std::unordered_map<std::string, uint32_t> table;
    for (uint32_t root : tree_.roots) {
      if (subject(root).empty()) continue;
      auto [at, is_new] = table.try_emplace(subject(root), root);
      if (is_new || dummy(at->second)) continue;
      if (dummy(root) || (is_reply(at->second) && !is_reply(root))) at->second = root;
    }
    return table;
  }

  // Step 5.C.
  void merge_by_subject() {
    auto table = subject_table();
    std::vector<uint32_t> roots;
    std::unordered_map<uint32_t, uint32_t> replaced;  // a root -> the dummy above it and another, which takes its place
    for (uint32_t root : std::vector<uint32_t>(tree_.roots)) {
      if (auto at = replaced.find(root); at != replaced.end()) {
        roots.push_back(at->second);
        continue;
      }
      auto found = table.find(subject(root));
      if (found == table.end() || found->second == root) {
        roots.push_back(root);
        continue;
      }
      const uint32_t into = found->second;
      if (dummy(into) && dummy(root)) {
        children(into).insert(children(into).end(), children(root).begin(), children(root).end());
      } else if (dummy(into) || (is_reply(root) && !is_reply(into))) {
        children(into).push_back(root);
      } else {
        const uint32_t both = new_node();
        children(both) = {into, root};
        replaced[into] = found->second = both;
      }
    }
    for (uint32_t& root : roots)
      if (auto at = replaced.find(root); at != replaced.end()) root = at->second;
    tree_.roots = std::move(roots);
  }

  const std::vector<ThreadMessage>& messages_;
  Tree tree_;
  std::vector<uint32_t> parent_;
  std::vector<bool> has_children_;
  std::unordered_map<std::string, uint32_t> by_id_;
};

}  // namespace

Tree thread_by_references(const std::vector<ThreadMessage>& messages, bool with_subjects) {
  return ByReferences(messages).run(with_subjects);
}

Tree thread_by_subject(const std::vector<ThreadMessage>& messages) {
  std::vector<uint32_t> order(messages.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::tie(messages[a].subject, messages[a].sent, a) < std::tie(messages[b].subject, messages[b].sent, b);
  });
  Tree tree;
  for (const ThreadMessage& message : messages) tree.nodes.push_back({message.uid});
  for (uint32_t i : order) {
    if (!tree.roots.empty() && messages[tree.roots.back()].subject == messages[i].subject)
      tree.nodes[tree.roots.back()].children.push_back(i);
    else
      tree.roots.push_back(i);
  }
  std::sort(tree.roots.begin(), tree.roots.end(),
            [&](uint32_t a, uint32_t b) { return std::pair(messages[a].sent, a) < std::pair(messages[b].sent, b); });
  return tree;
}

std::string normal_message_id(std::string_view id) {
  if (!id.starts_with("<\"")) return std::string(id);
  std::string out = "<";
  size_t at = 2;
  for (; at < id.size() && id[at] != '"'; ++at) {
    if (id[at] == '\\' && at + 1 < id.size()) ++at;
    out += id[at];
  }
  if (at < id.size()) out += id.substr(at + 1);
  return out;
}

namespace {

// RFC 5256 takes In-Reply-To only when there is no References; the record holds both, References first.
Task<Result<std::vector<std::string>>> references_of(Account& account, Entry entry,
                                                     std::shared_ptr<const mime::ParsedMessage> record) {
  const mime::RecordField* references = nullptr;
  bool reply_to = false;
  for (const mime::RecordField& field : record->fields) {
    if (field.name == "references" && !references) references = &field;
    reply_to |= field.name == "in-reply-to";
  }
  std::vector<std::string> ids = record->references;
  if (references && reply_to) {
    auto reading = account.read(EmailId(entry.email), references->at, references->size);
    auto read = co_await std::move(reading);
    BZ_CO_TRY(std::string raw, std::move(read));
    auto only = mime::message_ids(raw);
    if (!only.empty())
      ids = std::move(only);
    else if (ids.size() > 1)
      ids.resize(1);
  } else if (!references && ids.size() > 1) {
    ids.resize(1);
  }
  for (std::string& id : ids) id = normal_message_id(id);
  co_return ids;
}

Task<Result<ThreadMessage>> load(Account& account, Entry entry) {
  auto getting = account.record(EmailId(entry.email));
  auto got = co_await std::move(getting);
  BZ_CO_TRY(auto record, std::move(got));
  ThreadMessage message;
  message.uid = entry.uid;
  message.sent = sent_seconds(entry, *record);
  message.id = normal_message_id(record->message_id);
  message.subject = record->base_subject;
  message.is_reply = record->subject_is_reply;
  auto finding = references_of(account, entry, record);
  auto found = co_await std::move(finding);
  BZ_CO_TRY(message.references, std::move(found));
  co_return message;
}

}  // namespace

Task<Result<Tree>> thread(Account& account, const View& view, std::vector<uint32_t> uids, imap::Threading algorithm,
                          base::Executor& executor) {
  std::vector<ThreadMessage> messages;
  for (size_t i = 0; i < uids.size(); ++i) {
    if (i % kSlice == kSlice - 1) {
      auto turning = take_turn(executor);
      auto turned = co_await std::move(turning);
      BZ_CO_TRY_VOID(std::move(turned));
    }
    const Entry* entry = view.entry(uids[i]);
    if (!entry) continue;
    auto loading = load(account, *entry);
    auto loaded = co_await std::move(loading);
    if (!loaded && loaded.error().code() == Errc::NotFound) continue;  // expunged while we read it
    BZ_CO_TRY(ThreadMessage message, std::move(loaded));
    messages.push_back(std::move(message));
  }
  if (algorithm == imap::Threading::OrderedSubject) co_return thread_by_subject(messages);
  co_return thread_by_references(messages, algorithm == imap::Threading::References);
}

}  // namespace bz::store
