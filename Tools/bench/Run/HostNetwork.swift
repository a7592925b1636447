// The guest against the host over a tap, in a private network namespace, by the clock. Ratios to what the card takes at
// most are the same on any host; the numbers themselves are this host's.

import BenchReport
import Foundation

enum HostNetwork {
    /// What stands before the guest's command: a network namespace of its own, with a tap on a bridge, and the host's
    /// side in it.
    /// - Parameters:
    ///   - stations: whether the host's side runs in it.
    ///   - queues: of the tap.
    static func entry(stations: Bool = true, queues: Int = 1) -> [String] {
        let script = """
            ip link set lo up && STATE=/dev/null QUEUES=\(queues) qemu/network up >/dev/null || { echo "no tap can be made here (as root: chmod 666 /dev/net/tun; make doctor says what else is missing)" >&2; exit 1; }
            \(stations ? #"setpriv --pdeathsig KILL "$0" stations &"# : "")
            exec "$@"
            """
        return ["unshare", "--net"] + (getuid() == 0 ? [] : ["--user", "--map-root-user"]) + [
            "sh", "-c", script, CommandLine.arguments[0],
        ]
    }

    /// Rounds at most. What else the host does makes a number smaller, never larger: the greatest of each counts, and
    /// when a round makes none of them larger by more than `agreement` percent, there are enough.
    private static let mostRounds = 6
    private static let agreement = 5

    private static func agrees(_ results: Results, _ before: Results) -> Bool {
        results.names.allSatisfy { (results[$0] ?? 0) * 100 <= (before[$0] ?? 0) * (100 + agreement) }
    }

    static func run(card: String) throws -> Int32 {
        let options = ["NET": "tap", "NIC": card, "IP": HostStreams.guest + "/24"]
        let hasOffloads = card.hasPrefix("virtio")
        var results = Results()
        for round in 0..<mostRounds {
            let before = results
            results.mergeGreatest(
                Results(
                    try Machine.run(
                        "bench,-t", options.merging(["ARGS": "measure=card"]) { $1 }, counting: false, entry: entry())))
            if hasOffloads {
                let plain = options.merging(["ARGS": "vt-without=csum,guest_csum"]) { $1 }
                results.mergeGreatest(
                    Results(
                        try Machine.run("bench,-t,streams", plain, counting: false, entry: entry()), prefix: "plain-"))
            }
            if round > 0, agrees(results, before) { break }
        }
        guard let pings = results["pings"], let sent = results["sent"], let received = results["received"],
            let limit = results["looped"],
            limit > 0, sent > 0
        else { throw BenchError("bench -t printed no results") }
        let share = Double(sent) / Double(limit)
        func line(_ title: String, _ value: Int) {
            let number = String(repeating: " ", count: max(0, 9 - "\(value)".count)) + "\(value)"
            print(number + String(format: "  %5.2f  ", Double(value) / Double(limit)) + title)
        }
        print(" a second  ratio  (\(card), 64-byte datagrams, one hart, the host at the other end of a tap)")
        line("frames that the driver alone sends, the ring kept full: the card's limit here", limit)
        if let ringed = results["ringed"] { line("frames out of a program's packet rings (60 bytes)", ringed) }
        let reached =
            results["reached"].map { ", of which \($0 * 100 / max(1, 2 * sent))% reached the host's program" } ?? ""
        line("datagrams out of a program" + reached, sent)
        line("datagrams into a program, offered as fast as the host can", received)
        line("ping round trips", pings)
        print(
            String(
                format:
                    "\nOf the time that a datagram out takes, %.0f%% are the card's (QEMU's device and the tap), %.0f%% ours.",
                min(1, share) * 100, max(0, 1 - share) * 100))
        if let limit = results["looped-1514"] { try showStreams(results, limit, hasOffloads) }
        return 0
    }

    /// Streams, beside what as many full frames a second as the driver alone sends would carry.
    private static func showStreams(_ results: Results, _ limit: Int, _ hasOffloads: Bool) throws {
        print("\n   Mbit/s  ratio  (a stream of TCP between programs)")
        let carried = Double(limit) * 1448 * 8 / 1_000_000
        func line(_ title: String, _ name: String) throws {
            guard let value = results[name] else { throw BenchError("bench -t printed no results of streams") }
            let rate = Double(value) / 1000
            print(String(format: "%9.0f  %5.2f  ", rate, rate / carried) + title)
        }
        print(String(format: "%9.0f   1.00  ", carried) + "\(limit) full frames a second: the card's limit here")
        if hasOffloads {
            try line("out, without offloads", "plain-stream-out")
            try line("in, without offloads", "plain-stream-in")
        }
        try line("out" + (hasOffloads ? ", segments cut by the card" : ""), "stream-out")
        try line("in" + (hasOffloads ? ", segments put together by the card" : ""), "stream-in")
    }

    /// The host's side: drops what comes to UDP port 7071, and sends for two and a half seconds to each station that
    /// writes to port 7072.
    static func runStations() throws -> Never {
        let sink = try open(port: 7071)
        let source = try open(port: 7072)
        Thread.detachNewThread { while true { send(from: source) } }
        swallow(at: sink)
        while true { pause() }
    }

    private static func open(port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        // As POSIX has it, here and below: any address is passed as a sockaddr, with its own size.
        let bound = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard descriptor >= 0, bound == 0 else { throw BenchError("UDP port \(port) cannot be had") }
        return descriptor
    }

    /// Counts what comes, and prints the count when nothing came for half a second.
    private static func swallow(at descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 2048)
        var count = 0
        while true {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if unsafe poll(&entry, 1, count > 0 ? 500 : -1) <= 0 { break }  // one entry
            if unsafe recv(descriptor, &buffer, buffer.count, 0) > 0 { count += 1 }  // no more than the buffer holds
        }
        print("reached\t\(count)")
        fflush(nil)
    }

    private static func send(from descriptor: Int32) {
        var buffer = [UInt8](repeating: 7, count: 64)
        var peer = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // A sockaddr_in has room for the sender's address; the buffer for what is received.
        _ = unsafe withUnsafeMutablePointer(to: &peer) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
            }
        }
        let end = Date(timeIntervalSinceNow: 2.5)
        while Date() < end {
            for _ in 0..<32 {
                // 64 bytes of the buffer.
                _ = unsafe withUnsafePointer(to: &peer) {
                    unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        unsafe sendto(descriptor, buffer, 64, 0, $0, length)
                    }
                }
            }
        }
    }
}
