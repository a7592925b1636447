// What a seed stands for: a number of hosts, faults, a lease time, and what the hosts do. Everything is drawn from the
// seed.

import Foundation
import NetStack

@testable import Simulator

/// What went wrong, and how to see it again.
struct ScenarioFailure: Error, CustomStringConvertible {
    let seed: UInt64
    let faults: Faults
    let what: String

    var description: String {
        """
        seed \(seed): \(what)
        faults: \(faults)
        again, with its trace: SEED=\(seed) swift test --scratch-path build/host --filter SimulatorTests
        """
    }
}

/// The seed that was asked for: then it alone runs, and its trace is printed.
let wantedSeed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) }
/// How many seeds are tried, from 1 on: more with SEEDS=.
let seedCount = ProcessInfo.processInfo.environment["SEEDS"].flatMap { UInt64($0) } ?? 100

struct Scenario {
    /// Virtual time: what ought to take seconds has this long, for one frame in five may be lost on each link, and a
    /// damaged ARP message may be believed until its entry is old.
    static let patience = 3600 * Simulation.second

    let seed: UInt64
    let faults: Faults
    let simulation: Simulation

    init(seed: UInt64, isPrinted: Bool = false) {
        var random = SeededRandom(seed: seed)
        self.seed = seed
        faults = Faults(random: &random)
        let hosts = 8 + Int(random.upTo(12))
        let leaseTime: UInt32 = random.chance(0.5) ? 300 : 3600
        let responseTime = random.chance(0.5) ? 0 : random.upTo(20_000_000)
        simulation = Simulation(
            seed: random.next(), hosts: hosts, faults: faults, packets: 40, responseTime: responseTime,
            leaseTime: leaseTime,
            isPrinted: isPrinted)
    }

    /// Leases, pings, datagrams, and silence; throws at the first thing that is not as it should be.
    func run() throws(ScenarioFailure) {
        simulation.startDHCP(within: 5 * Simulation.second)
        try wait("not every host has a lease") { simulation.areAllBound }
        do { try simulation.openSockets() } catch { throw failure("a socket does not open: \(error)") }
        simulation.pingNeighbours(tries: 1000)
        for _ in 0..<20 {
            simulation.sendDatagrams(upTo: 6000)
            simulation.run(to: simulation.now + Simulation.second / 4)
        }
        try wait("a ping was not answered") { simulation.hosts.allSatisfy { !$0.isPinging } }
        for host in simulation.hosts {
            guard host.pingsAnswered == 1 else { throw failure("host \(host.number) had no answer in 1000 tries") }
            guard host.areSharesKept else { throw failure("host \(host.number) took more packets than its budget has") }
            guard host.datagramsDamaged == 0 else { throw failure("host \(host.number) got a damaged datagram") }
        }
        guard simulation.hosts.contains(where: { $0.datagramsReceived > 0 }) else {
            throw failure("no datagram arrived")
        }
        simulation.closeSockets()
        try wait("a host lost its lease for good") { simulation.areAllBound }
        try wait("packets are missing from a pool") { simulation.hosts.allSatisfy(\.arePacketsBack) }
        if let duplicate = simulation.server.duplicates.first {
            throw failure("the server granted \(text(duplicate.address)) twice")
        }
    }

    private func wait(_ complaint: String, until isDone: () -> Bool) throws(ScenarioFailure) {
        var shared: (IPv4Address, Int, Int)?
        let isInTime = simulation.run(atMost: Self.patience) {
            shared = simulation.sharedAddress
            return shared != nil || isDone()
        }
        if let (address, one, other) = shared { throw failure("hosts \(one) and \(other) both use \(text(address))") }
        if !isInTime { throw failure("\(complaint) after \(Self.patience / Simulation.second) s") }
    }

    private func failure(_ what: String) -> ScenarioFailure { ScenarioFailure(seed: seed, faults: faults, what: what) }
}
