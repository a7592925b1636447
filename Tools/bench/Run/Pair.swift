// Frames from one guest to another, by the clock: through memory that both have, and over taps on a bridge, in turns in one
// run. What counts is what the receiving program took.

import BenchReport
import Foundation

enum Pair {
    private static let rounds = 3

    private struct Wire {
        let title: String
        let card: String
        let options: [String: String]
        /// Frames that are waited for, some seconds' worth.
        let frames: Int
    }

    /// Starts this program again in a network namespace of its own, with a bridge and two taps.
    static func run() throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["setpriv", "--pdeathsig", "KILL"] + HostNetwork.entry(stations: false)
            + [CommandLine.arguments[0], "pair", "--inside"]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    static func runInside() throws {
        let region = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-region-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: region, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: region) }
        let wires = [
            Wire(title: "taps on br0", card: "vt0", options: ["NET": "tap", "NIC": "virtio"], frames: 500_000),
            Wire(
                title: "shared memory", card: "shm0", options: ["NIC": "shm", "XDG_RUNTIME_DIR": region.path],
                frames: 5_000_000),
        ]
        var best = [Int](repeating: 0, count: wires.count)
        for _ in 0..<rounds {
            for (index, wire) in wires.enumerated() { best[index] = max(best[index], try rate(wire)) }
        }
        print(" a second  ratio  (60-byte frames from pkt-gen to pkt-gen, a hart each; the best of \(rounds) rounds)")
        for (wire, rate) in zip(wires, best) {
            print(String(format: "%9d  %5.2f  ", rate, Double(rate) / Double(max(1, best[0]))) + wire.title)
        }
    }

    /// The sending guest, on a thread of its own.
    private final class Sender: @unchecked Sendable {
        let mayStart = DispatchSemaphore(value: 0)
        private let hasEnded = DispatchSemaphore(value: 0)
        private var result: Result<String, any Error>?

        init(_ wire: Wire) {
            Thread.detachNewThread {
                self.mayStart.wait()
                // Twice as many: some may be lost, and the receiver is not to wait for those.
                self.result = Result { try guest(2, "pkt-gen,-i,\(wire.card),-n,\(2 * wire.frames)", wire) }
                self.hasEnded.signal()
            }
        }

        func end() throws {
            hasEnded.wait()
            _ = try result?.get()
        }
    }

    /// Frames that the receiver took in its best second.
    private static func rate(_ wire: Wire) throws -> Int {
        let sender = Sender(wire)
        let console = try guest(1, "pkt-gen,-i,\(wire.card),-f,rx,-n,\(wire.frames)", wire) {
            if $0.hasPrefix("Receiving on ") { sender.mayStart.signal() }
            return false
        }
        try sender.end()
        // 12.345678 479.123 Kpps (479.123 Kpkts ...
        let rates = console.split(separator: "\n").compactMap { line -> Double? in
            let words = line.split(separator: " ")
            guard words.count > 3, words[2].hasSuffix("pps"), let number = Double(words[1]) else { return nil }
            return number * (words[2].hasPrefix("M") ? 1_000_000 : words[2].hasPrefix("K") ? 1000 : 1)
        }
        guard let best = rates.max() else { throw BenchError("pkt-gen printed no rates:\n\(console)") }
        return Int(best)
    }

    private static func guest(
        _ number: Int, _ command: String, _ wire: Wire, _ answering: ((Substring) throws -> Bool)? = nil
    ) throws -> String {
        let options = wire.options.merging(["GUEST": "\(number)", "IP": "192.168.76.\(10 + number)/24"]) { $1 }
        return try Machine.run(command, options, counting: false, answering: answering)
    }
}
