// Many small networks, each with the faults that its seed says; and the same seed twice.

import NetStack
import Testing

@testable import Simulator

@Suite struct SeedTests {
    static let seeds: [UInt64] = wantedSeed.map { [$0] } ?? Array(1...max(1, seedCount))

    @Test(arguments: seeds) func everyHostGetsALeaseAndAnAnswer(seed: UInt64) throws {
        try Scenario(seed: seed, isPrinted: seed == wantedSeed).run()
    }

    @Test(.enabled(if: wantedSeed == nil), arguments: [3, 14, 15] as [UInt64])
    func aSeedReplaysExactly(seed: UInt64) throws {
        let first = Scenario(seed: seed), second = Scenario(seed: seed), other = Scenario(seed: seed + 1000)
        try first.run()
        try second.run()
        try other.run()
        #expect(first.simulation.trace.digest == second.simulation.trace.digest)
        #expect(first.simulation.trace.steps == second.simulation.trace.steps)
        #expect(first.simulation.now == second.simulation.now)
        #expect(first.simulation.trace.digest != other.simulation.trace.digest)
    }

    @Test(.enabled(if: wantedSeed == nil)) func aFailureSaysHowToSeeItAgain() {
        let failure = ScenarioFailure(seed: 42, faults: Faults(), what: "something")
        #expect(failure.description.contains("SEED=42 swift test --scratch-path build/host --filter SimulatorTests"))
    }
}
