// A thousand hosts on one switch: each with its own stack, all asking one server at once. Seven million frames arrive,
// most of them broadcasts: each host takes those of ten milliseconds at a time, as a busy one does.

import NetStack
import Testing

@testable import Simulator

@Suite(.enabled(if: wantedSeed == nil)) struct CrowdTests {
    @Test func aThousandHostsGetDistinctLeasesAndPingEachOther() throws {
        var faults = Faults()
        faults.loss = 0.01
        faults.latency = 100_000
        faults.jitter = 200_000
        let simulation = Simulation(seed: 1000, hosts: 1000, faults: faults, packets: 12, responseTime: 10_000_000)
        simulation.startDHCP(within: 10 * Simulation.second)
        #expect(simulation.run(atMost: 300 * Simulation.second) { simulation.areAllBound })
        #expect(Set(simulation.hosts.compactMap { $0.lease?.address }).count == 1000)
        #expect(simulation.sharedAddress == nil && simulation.server.duplicates.isEmpty)

        simulation.pingNeighbours(tries: 10)
        #expect(simulation.run(atMost: 60 * Simulation.second) { simulation.hosts.allSatisfy { !$0.isPinging } })
        #expect(simulation.hosts.allSatisfy { $0.pingsAnswered == 1 })
        #expect(simulation.run(atMost: 60 * Simulation.second) { simulation.hosts.allSatisfy(\.arePacketsBack) })
        #expect(simulation.hosts.allSatisfy { $0.overruns == 0 })
    }
}
