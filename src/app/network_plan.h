// Which connections the system needs between outside, gateway hosts and inside, from the configuration alone: for the
// firewall's administrator (`buzon network plan`) and for the check of what he did (`buzon network check`). Pure.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "roles/config.h"

namespace bz::app {

enum class Place : uint8_t { Outside, Gateway, Inside };
std::string_view name(Place place);

struct Flow {
  Place from = Place::Outside, to = Place::Inside;
  std::vector<std::string> from_addresses{};  // addresses and networks; empty: any
  std::string to_address{};                   // numeric, or a host's name; empty: any
  uint16_t port = 0;
  bool udp = false;
  std::string why{};
};

// `gateway`: address of the gateway's host where its listeners name none; empty: not known. Which host's configuration
// it is does not matter, but the inside's alone knows the ways out.
std::vector<Flow> planned_flows(const roles::Config& config, const std::string& gateway);

// From, to, port, why, as lines of text; with `json` an array.
std::string flow_table(const std::vector<Flow>& flows, bool json);

enum class Wall : uint8_t { Outer, Inner };  // before the gateway hosts; between them and the inside
// A table for nft(8) that lets the flows through that wall and nothing else. Invalid: an address is needed and not known;
// the text says which option gives it.
Result<std::string> nft_table(const std::vector<Flow>& flows, Wall wall);

}  // namespace bz::app
