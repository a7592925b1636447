// Where operations are measured: in a machine without a network, with `FramePeer` at the other end of its wire, or with
// the host's own TCP at the other end of a tap.

import Foundation

enum Setting {
    case alone
    case wire(card: String)
    /// The same, and a second card whose wire leads nowhere.
    case bridge(card: String)
    /// - Parameters:
    ///   - label: what stands before the results' names.
    ///   - without: offloads that driver and card do without, as in `vt-without=`.
    case host(card: String, label: String, without: String)

    /// Operations of a network with a peer.
    static let network: Set = [
        "echo-56", "echo-1400", "udp-send-64", "udp-send-1470", "udp-receive-64", "udp-receive-1470", "burst", "flood",
        "rings-send", "rings-receive",
    ]
    /// Operations between two cards.
    static let bridging: Set = ["rings-bridge"]
    /// Operations of streams to and from the host.
    static let streams: Set = ["tcp-send", "tcp-receive", "http-request"]

    /// All settings for the operations that go over a card.
    static func over(_ card: String) -> [Setting] {
        [.wire(card: card)] + (card.hasPrefix("virtio") ? [.bridge(card: card)] : []) + streamSettings(card)
    }

    private static func streamSettings(_ card: String) -> [Setting] {
        guard card.hasPrefix("virtio") else { return [.host(card: card, label: card, without: "")] }
        return [
            .host(card: card, label: card + "-plain", without: "csum,guest_csum"),
            .host(card: card, label: card + "-csum", without: "host_tso4,guest_tso4"),
            .host(card: card, label: card + "-tso", without: ""),
        ]
    }

    /// What stands before the results' names.
    var prefix: String {
        switch self {
        case .alone: ""
        case .wire(let card), .bridge(let card): card + "-"
        case .host(_, let label, _): label + "-"
        }
    }

    /// Those of some operations that are measured here; with none named all that are.
    func operations(of names: [String]) -> [String] {
        switch self {
        case .alone: names.filter { !Self.network.union(Self.streams).union(Self.bridging).contains($0) }
        case .wire: names.isEmpty ? Self.network.sorted() : names.filter(Self.network.contains)
        case .bridge: names.isEmpty ? Self.bridging.sorted() : names.filter(Self.bridging.contains)
        case .host: names.isEmpty ? Self.streams.sorted() : names.filter(Self.streams.contains)
        }
    }

    /// Where an operation is profiled.
    init(profiling operation: String, card: String) {
        if Self.network.contains(operation) {
            self = .wire(card: card)
        } else if Self.bridging.contains(operation) {
            self = .bridge(card: card)
        } else if Self.streams.contains(operation) {
            // `virtio-csum` names a card and its offloads.
            self =
                Self.streamSettings(card.split(separator: "-").first.map(String.init) ?? card).first {
                    $0.prefix == card + "-"
                } ?? .host(card: card, label: card, without: "")
        } else {
            self = .alone
        }
    }

    /// The operation that prints a result; nil when it is none of its own.
    static func operation(of name: String, cards: [String]) -> String? {
        if name == "kernel-text" || name.hasPrefix("stack-") { return nil }
        if name.hasPrefix("stream-round-trip") { return "stream-round-trip" }
        let prefixes = cards.flatMap { over($0).map(\.prefix) }.sorted { $0.count > $1.count }
        guard let prefix = prefixes.first(where: { name.hasPrefix($0) }) else { return name }
        let rest = String(name.dropFirst(prefix.count))
        return rest.hasPrefix("burst-") ? "burst" : rest.hasPrefix("flood-") ? "flood" : rest
    }

    /// Whether a namespace with a tap can be made; the first question says on standard error why not.
    static let hasTap: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = HostNetwork.entry(stations: false) + ["test", "-w", "/dev/net/tun"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let isDone = (try? process.run()) != nil
        if isDone { process.waitUntilExit() }
        guard isDone, process.terminationStatus == 0 else {
            FileHandle.standardError.write(
                Data(
                    "bench: streams over a card are left out: no network namespace with a tap can be made here (unshare, ip, /dev/net/tun)\n"
                        .utf8))
            return false
        }
        return true
    }()
}
