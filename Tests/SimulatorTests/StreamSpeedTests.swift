// How fast connections are on a given wire, in virtual time: against the formula, and against one another.

import Foundation
import NetStack
import Simulator
import Testing

@Suite struct StreamSpeedTests {
    /// Bytes a second of one stream over a wire with random loss.
    private func speed(_ algorithm: CongestionAlgorithm, seed: UInt64) throws -> Double {
        var wire = StreamWire()
        wire.loss = 0.01
        wire.delay = 25_000_000
        let simulation = StreamSimulation(seed: seed, wire: wire, packets: 4096)
        let (client, server) = try simulation.connect(sending: 100_000_000, receiving: 0, algorithm: algorithm)
        _ = simulation.run(atMost: 60 * StreamSimulation.second) { client.isDone || server.error != nil }
        return Double(server.received) / 60
    }

    /// MSS / RTT × √(3/2p) (Mathis and others, 1997): the window grows by bytes acknowledged, so delayed ACKs do not slow
    /// it (RFC 5681, 3.1).
    @Test func newRenoIsAsFastAsTheFormulaSaysAndCubicNotSlower() throws {
        let seeds: [UInt64] = Array(1...20)
        let reno = try seeds.map { try speed(.newReno, seed: $0) }.reduce(0, +) / 20
        let cubic = try seeds.map { try speed(.cubic, seed: $0) }.reduce(0, +) / 20
        let formula = 1448 / 0.05 * (3.0 / 2 / 0.01).squareRoot()
        print("NewReno \(Int(reno)) B/s, CUBIC \(Int(cubic)) B/s, formula \(Int(formula)) B/s: \(reno / formula)")
        #expect(reno / formula > 0.7 && reno / formula < 1.3)
        #expect(cubic >= reno)
    }

    /// Four streams share a bottleneck for a minute: Jain's index of what each got.
    @Test func fourStreamsShareABottleneckFairly() throws {
        var wire = StreamWire()
        wire.delay = 20_000_000
        wire.rate = 20_000_000
        wire.queue = 100_000
        let simulation = StreamSimulation(seed: 5, wire: wire, packets: 4096)
        var servers: [StreamProgram] = []
        for _ in 0..<4 {
            let (_, server) = try simulation.connectAnother(sending: 200_000_000, algorithm: .newReno)
            servers.append(server)
        }
        _ = simulation.run(atMost: 60 * StreamSimulation.second) { false }
        let shares = servers.map { Double($0.received) }
        let sum = shares.reduce(0, +)
        let index = sum * sum / (4 * shares.map { $0 * $0 }.reduce(0, +))
        print("shares \(shares.map { Int($0 / 60) }) B/s, Jain's index \(index)")
        #expect(index >= 0.95)
        #expect(sum * 8 / 60 > 0.8 * 20_000_000)
    }
}
