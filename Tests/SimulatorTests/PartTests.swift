// The simulator's own parts: a test bench that is wrong proves nothing.

import NetStack
import Testing

@testable import Simulator

@Suite(.enabled(if: wantedSeed == nil)) struct PartTests {
    func frame(from source: UInt8, to destination: UInt8?) -> Frame {
        let target: [UInt8] = destination.map { [2, 0, 0, 0, 0, $0] } ?? [UInt8](repeating: 255, count: 6)
        return Frame(target + [2, 0, 0, 0, 0, source, 0x88, 0xb5])
    }

    @Test func eventsComeInTheOrderOfTimeAndThenOfScheduling() {
        var queue = EventQueue()
        var random = SeededRandom(seed: 7)
        let times = (0..<1000).map { _ in random.upTo(50) }
        for (i, time) in times.enumerated() { queue.schedule(.wake, port: i, at: time) }
        var seen: [(UInt64, Int32)] = []
        while let (event, _) = queue.removeFirst() { seen.append((event.time, event.port)) }
        #expect(seen.count == 1000)
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func aSwitchFloodsUntilItHasHeardTheStation() {
        var bridge = Switch()
        #expect(bridge.forward(frame(from: 1, to: 2), from: 5) == .flood)
        #expect(bridge.forward(frame(from: 2, to: 1), from: 6) == .port(5))
        #expect(bridge.forward(frame(from: 1, to: 2), from: 5) == .port(6))
        #expect(bridge.forward(frame(from: 1, to: nil), from: 5) == .flood)
        #expect(bridge.forward(frame(from: 3, to: 2), from: 6) == .none)
        // The station was plugged in elsewhere.
        _ = bridge.forward(frame(from: 2, to: 1), from: 9)
        #expect(bridge.forward(frame(from: 1, to: 2), from: 5) == .port(9))
    }

    @Test func oneBitOfADamagedFrameIsFlipped() {
        var random = SeededRandom(seed: 1)
        let whole = frame(from: 1, to: 2)
        for _ in 0..<100 {
            let damaged = whole.damaged(&random)
            #expect(zip(whole.bytes, damaged.bytes).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount } == 1)
            #expect(damaged.isDamaged && damaged.digest != whole.digest)
        }
    }

    @Test func faultsHappenAsOftenAsTheyShould() {
        var random = SeededRandom(seed: 1)
        let hits = (0..<10_000).count { _ in random.chance(0.2) }
        #expect((1800...2200).contains(hits))
        #expect((0..<1000).allSatisfy { _ in !random.chance(0) })
    }

    /// All the ways in which a wire fails do occur, and are counted.
    @Test func everyFaultOccurs() throws {
        var faults = Faults()
        (faults.loss, faults.duplication, faults.corruption, faults.jitter) = (0.1, 0.1, 0.1, 10_000_000)
        let simulation = Simulation(seed: 5, hosts: 10, faults: faults)
        simulation.startDHCP(within: Simulation.second)
        #expect(simulation.run(atMost: 600 * Simulation.second) { simulation.areAllBound })
        for step in [Trace.Step.lost, .duplicated, .damaged, .discarded] {
            #expect(simulation.counts[step, default: 0] > 10, "\(step)")
        }
    }

    /// A lease that ran out is another's, one that is renewed stays, and the pool's end is the end.
    @Test func theServerGivesNoMoreThanItHas() {
        let simulation = Simulation(seed: 3, hosts: 20, faults: Faults(), leaseTime: 200, addresses: 12)
        simulation.startDHCP(within: Simulation.second)
        simulation.run(to: 3600 * Simulation.second)
        #expect(simulation.hosts.count { $0.lease != nil } == 12)
        #expect(simulation.sharedAddress == nil && simulation.server.duplicates.isEmpty)
        #expect(simulation.server.grants > 12 * 10)  // renewed, again and again
    }
}
