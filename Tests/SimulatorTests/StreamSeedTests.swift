// A thousand cables, each with faults of its own (`SEEDS=100000 FIRST=1 make simulate` runs more by hand).

import Foundation
import NetStack
import Simulator
import Testing

@Suite struct StreamSeedTests {
    private static let perBatch: UInt64 = 50
    private static var seeds: UInt64 { ProcessInfo.processInfo.environment["SEEDS"].flatMap { UInt64($0) } ?? 1000 }
    private static var first: UInt64 { ProcessInfo.processInfo.environment["FIRST"].flatMap { UInt64($0) } ?? 1 }

    @Test(arguments: stride(from: first, to: first + seeds, by: Int(perBatch)).map { $0 })
    func everyByteArrivesOnceAndInOrderOrBothEndsLearnOfTheFailure(first: UInt64) throws {
        for seed in first..<min(first + Self.perBatch, Self.first + Self.seeds) { try run(seed) }
    }

    private func run(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let wire = StreamWire(random: &random)
        // Half of the cards cut and put together large segments.
        let all: NetworkCapabilities = [.checksumOut, .checksumIn, .segmentation, .largeReceive]
        let offloads = (0..<2).map { _ in random.chance(0.5) ? all : [] }
        let simulation = StreamSimulation(seed: random.next(), wire: wire, offloads: offloads)
        simulation.isPrinted = ProcessInfo.processInfo.environment["PRINT"] != nil
        let size = 200_000 + Int(random.upTo(100_000))
        let (client, server) = try simulation.connect(
            sending: size, receiving: size, algorithm: random.chance(0.5) ? .newReno : .cubic)
        for program in [client, server] {
            program.readSize = Int(1 + random.upTo(20_000))
            program.writeSize = Int(1 + random.upTo(20_000))
        }
        if simulation.isPrinted {
            for _ in 0..<100 {
                _ = simulation.run(atMost: StreamSimulation.second) { client.isDone && server.isDone }
                print(simulation.now / 1000, simulation.hosts.map { $0.report })
            }
        }
        let isDone = simulation.run(atMost: 20_000 * StreamSimulation.second) {
            client.isDone && (server.isDone || (client.error != nil && !server.isConnected))
        }
        let text: Comment =
            "seed \(seed): \(wire), offloads \(offloads.map { !$0.isEmpty }), client \(client.sent)/\(client.received) \(String(describing: client.error)), server \(server.sent)/\(server.received) \(String(describing: server.error)), \(simulation.now / 1_000_000) ms"
        try #require(isDone, text)
        #expect(!client.isWrong && !server.isWrong, text)
        if client.error == nil, server.error == nil {
            #expect(client.received == size && server.received == size, text)
        }
        for host in simulation.hosts { host.closeAll(now: simulation.now) }
        _ = simulation.run(atMost: 1100 * StreamSimulation.second) {
            simulation.hosts.allSatisfy { $0.connections == 0 && $0.packetsOut == 0 }
        }
        for host in simulation.hosts {
            #expect(host.connections == 0, text)
            #expect(host.packetsOut == 0, text)
        }
    }
}
