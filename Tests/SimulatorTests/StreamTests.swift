// Connections over a cable with faults: every byte arrives, in order, once, or both ends learn of the failure, and
// nothing is left behind.

import Foundation
import NetStack
import Simulator
import Testing

@Suite struct StreamTests {
    @Test func aPerfectWireCarriesAStreamBothWays() throws {
        let simulation = StreamSimulation(seed: 1, wire: StreamWire())
        let (client, server) = try simulation.connect(sending: 200_000, receiving: 300_000)
        let isDone = simulation.run(atMost: 20 * StreamSimulation.second) { client.isDone && server.isDone }
        #expect(isDone)
        #expect(client.error == nil && server.error == nil)
        #expect(client.received == 300_000 && server.received == 200_000)
        #expect(!client.isWrong && !server.isWrong)
    }
}
