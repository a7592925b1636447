// A card in a program's hands: frames go to the program and back, and whatever it does, the card is the stack's again
// afterwards.

import FuzzTargets
import Simulator
import Storage
import SystemInterface
import Testing

@testable import NetStack

@Suite struct HeldCardTests {
    private static func region() -> TestRegion {
        var request = PacketRingsRequest()
        (request.transmitSlots, request.receiveSlots, request.hostSlots) = (16, 16, 4)
        return TestRegion(request)
    }

    private func holding(_ host: TestHost) -> TestRegion {
        let region = Self.region()
        check(host.stack.hold(.card(0), region.ref))
        return region
    }

    @Test func aHeldCardsFramesGoToTheProgramAndBackToTheStack() {
        let host = TestHost()
        host.learn()
        let request = echoRequest([])
        #expect(host.deliver(request).count == 1)
        let region = holding(host)
        check(!host.stack.hold(.card(0), region.ref))
        #expect(host.wire.filters.last?.isPromiscuous == true)
        _ = host.completions()
        #expect(host.deliver(request).isEmpty)
        #expect(host.completions() == [.rings(.card(0))])
        #expect(region.bytes(region.slot(.receive, 0).buffer, request.count) == request)
        // The program passes it on: the stack answers, over the host ring.
        let buffer = region.slot(.hostTransmit, 0).buffer
        let received = region.slot(.receive, 0)
        region.set(.hostTransmit, 0, received)
        region.set(.receive, 0, PacketSlot(buffer: buffer, length: 0))
        region.setHead(.hostTransmit, 1)
        region.setHead(.receive, 1)
        check(host.stack.synchronise(.card(0), [.transmit, .receive], now: 0))
        #expect(host.wire.takeOutgoing().isEmpty && region.tail(.hostReceive) == 1)
        // And the program sends that.
        region.set(.transmit, 0, region.slot(.hostReceive, 0))
        region.setHead(.transmit, 1)
        region.setHead(.hostReceive, 1)
        check(host.stack.synchronise(.card(0), [.transmit, .receive], now: 0))
        #expect(host.wire.takeOutgoing().count == 1)
        host.stack.letGo(.card(0))
        #expect(host.wire.filters.last?.isPromiscuous == false)
        #expect(host.deliver(request).count == 1)
        #expect(host.pool.pool.freeCount == host.pool.pool.count)
    }

    /// What is switched while a program holds the card is what the stack uses afterwards, and nothing before.
    @Test func offloadsSwitchedMeanwhileWaitForTheEnd() {
        let host = TestHost()
        let all: NetworkCapabilities = [.checksumOut, .checksumIn, .segmentation, .largeReceive]
        let wire = host.wire
        wire.capabilities = all
        let id = host.stack.addInterface(TestCard(wire: wire, pool: host.pool, hardwareAddress: guestHardware))!
        func used() -> NetworkCapabilities { host.stack.withInterface(id) { $0.capabilities }! }
        let region = Self.region()
        check(host.stack.hold(id, region.ref))
        #expect(used() == [] && wire.switched == [[]])
        #expect(host.stack.use([.checksumOut, .checksumIn], at: id) == true)
        #expect(used() == [] && wire.switched == [[]])
        #expect(host.stack.use([.checksumOut, .mergedBuffers], at: id) == true)  // the latter is no switch
        host.stack.letGo(id)
        #expect(used() == [.checksumOut] && wire.switched == [[]])
    }

    @Test func aCardWithoutRoomKeepsFramesInTheRing() {
        let host = TestHost()
        let region = holding(host)
        host.wire.ringSize = 3
        for index in 0..<10 { region.set(.transmit, index, PacketSlot(buffer: index, length: 60)) }
        region.setHead(.transmit, 10)
        var sent = 0
        for round in 1...4 {
            check(host.stack.synchronise(.card(0), .transmit, now: 0))
            #expect(host.wire.roomRequests == min(round, 3) && host.wire.collections == 0)
            sent += host.wire.takeOutgoing().count
            _ = host.stack.poll(now: 0, budget: 10)
            #expect(host.completions() == (round < 4 ? [.rings(.card(0))] : []))
        }
        #expect(sent == 10)
        check(host.stack.withInterface(.card(0)) { $0.counters.packetsOut } == 10)
        host.stack.letGo(.card(0))
        #expect(host.pool.pool.freeCount == host.pool.pool.count)
    }

    /// A program that waits for room is woken by what a poll finds, not by its own look.
    @Test func aProgramThatWaitsForRoomSleeps() {
        let host = TestHost()
        let region = holding(host)
        host.wire.ringSize = 0
        region.set(.transmit, 0, PacketSlot(buffer: 0, length: 60))
        region.setHead(.transmit, 1)
        check(host.stack.synchronise(.card(0), [.transmit, .receive], now: 0))
        host.stack.watch(.card(0), now: 0)
        #expect(host.completions().isEmpty)
        _ = host.stack.poll(now: 0, budget: 10)
        #expect(host.completions() == [.rings(.card(0))])
    }

    /// Without packets it waits as others do: what the cards have sent is freed at once, and again when there is room.
    @Test func aPoolWithoutPacketsKeepsFramesInTheRing() {
        let host = TestHost()
        let region = holding(host)
        region.set(.transmit, 0, PacketSlot(buffer: 0, length: 60))
        region.setHead(.transmit, 1)
        host.pool.pool.divide(receiving: 1, sending: 0, own: 1)
        check(host.stack.synchronise(.card(0), .transmit, now: 0))
        #expect(host.wire.takeOutgoing().isEmpty && host.wire.collections == 1)
        _ = host.stack.poll(now: 0, budget: 10)
        #expect(host.wire.collections == 2 && host.completions() == [.room(.card(0))])
        host.pool.pool.divide(receiving: 1, sending: 1, own: 1)
        check(host.stack.synchronise(.card(0), .transmit, now: 0))
        #expect(host.wire.takeOutgoing().count == 1)
    }

    /// A program that looks at its card by itself has what came, and nothing interrupts meanwhile; once it waits, lets go,
    /// or has not looked for a millisecond, the card interrupts again.
    @Test func aProgramThatLooksByItselfNeedsNoInterrupt() {
        let host = TestHost()
        let region = holding(host)
        host.wire.incoming = [echoRequest([]), echoRequest([])]
        check(host.stack.synchronise(.card(0), .receive, now: 0))
        #expect(region.tail(.receive) == 2 && host.wire.incoming.isEmpty && host.completions().isEmpty)
        check(host.stack.withInterface(.card(0)) { $0.counters.packetsIn } == 2)
        host.wire.incoming = [echoRequest([])]
        let looked = host.stack.poll(now: 999_999, budget: 10)
        #expect(!host.wire.isArmed && looked.nextDeadline == 1_000_000)
        #expect(region.tail(.receive) == 3 && host.completions() == [.rings(.card(0))])
        _ = host.stack.poll(now: 1_000_000, budget: 10)
        #expect(host.wire.isArmed)
        for ending in [{ host.stack.watch(.card(0), now: 1_000_001) }, { host.stack.letGo(.card(0)) }] {
            host.wire.isArmed = false
            check(host.stack.synchronise(.card(0), .transmit, now: 1_000_000))
            _ = host.stack.poll(now: 1_000_001, budget: 10)
            #expect(!host.wire.isArmed)
            ending()
            _ = host.stack.poll(now: 1_000_001, budget: 10)
            #expect(host.wire.isArmed)
        }
    }

    /// What comes between the last look and the interrupt is seen by the next poll, which is due at once.
    @Test func whatComesAsAProgramBeginsToWaitIsThere() {
        let host = TestHost()
        let region = holding(host)
        host.wire.late = [echoRequest([])]
        check(host.stack.synchronise(.card(0), .receive, now: 0))
        _ = host.stack.poll(now: 0, budget: 10)
        #expect(region.tail(.receive) == 0 && !host.wire.isArmed)
        host.stack.watch(.card(0), now: 7)
        #expect(host.wire.isArmed && host.stack.nextDeadline == 7)
        // A second one before the poll asks nothing of the card.
        host.wire.isArmed = false
        host.stack.watch(.card(0), now: 8)
        #expect(!host.wire.isArmed)
        _ = host.stack.poll(now: 8, budget: 10)
        #expect(host.wire.isArmed && region.tail(.receive) == 1)
    }

    /// A look takes no more frames than there are slots free, and none that are shown to a capture: those go one by one.
    @Test func aLookTakesWhatThereIsRoomFor() throws {
        let host = TestHost()
        let region = holding(host)
        host.wire.incoming = Array(repeating: echoRequest([]), count: 20)
        check(host.stack.synchronise(.card(0), .receive, now: 0))
        check(host.stack.synchronise(.card(0), .receive, now: 0))
        #expect(region.tail(.receive) == 15 && host.wire.incoming.count == 5 && region.rings.receive.dropped == 0)
        region.setHead(.receive, 15)
        _ = try host.stack.openCapture()
        check(host.stack.synchronise(.card(0), .receive, now: 2_000_000))
        #expect(host.wire.incoming.count == 5)
        _ = host.stack.poll(now: 2_000_000, budget: 10)
        #expect(host.wire.incoming.isEmpty && region.tail(.receive) == 4)
        // A look that takes nothing does not keep the card from interrupting.
        #expect(host.wire.isArmed)
        host.stack.letGo(.card(0))
    }

    /// Packets that a card has sent, and keeps.
    private final class Kept {
        var packets = PacketQueue()
        func fill(from pool: PacketPool) { while let packet = pool.take(.sending) { packets.append(packet) } }
    }

    /// What the card keeps for the program is given up as soon as a ping, a connection or an ACK needs it, and when the
    /// program lets go.
    @Test func whatIsKeptForAProgramGoesWhereItIsNeeded() throws {
        let bench = TCPBench()
        try bench.establish()
        let host = bench.host, pool = bench.host.pool.pool, kept = Kept()
        host.wire.whenCollected = { kept.packets.removeAll() }
        func ping() throws {
            host.stack.cancelEcho(
                try host.stack.startEcho(to: peerAddress, payloadCount: 9, sequence: 1, timeout: 1_000_000_000, now: 0))
        }
        kept.fill(from: pool)
        #expect(throws: EchoError.noMemory) { try ping() }
        #expect(try host.stack.streamRoom(bench.socket).bytes == 0 && host.wire.collections == 0)
        kept.packets.removeAll()
        let region = holding(host)
        kept.fill(from: pool)
        try ping()
        kept.fill(from: pool)
        #expect(try host.stack.streamRoom(bench.socket).bytes > 0)
        kept.fill(from: pool)
        let own = pool.held(.own)
        host.stack.sendAcknowledgment(0, now: 0)
        #expect(pool.held(.own) == own && host.wire.collections == 3)
        kept.fill(from: pool)
        host.stack.letGo(.card(0))
        #expect(pool.held(.sending) == 0 && region.rings.transmit.isEmpty)
    }

    /// Whatever it does meanwhile, the card is the stack's again afterwards.
    @Test(arguments: UInt64(1)...200) func aHostileHolderGivesTheCardBack(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let host = TestHost()
        host.learn()
        let region = holding(host)
        for _ in 0..<300 {
            switch random.next() % 4 {
            case 0: region[Int(random.next() & 0xffff)] = random.next() & random.next()
            case 1: region.setHead(PacketRingNumber.allCases[Int(random.next() & 3)], Int(random.next() & 15))
            case 2: _ = host.stack.synchronise(.card(0), [.transmit, .receive], now: 0)
            default: _ = host.deliver(echoRequest([]))
            }
            _ = host.wire.takeOutgoing()
        }
        host.stack.letGo(.card(0))
        #expect(host.deliver(echoRequest([])).count == 1)
        #expect(host.pool.pool.freeCount == host.pool.pool.count)
    }
}

extension TestRegion {
    /// The test keeps the region as long as the stack uses it.
    fileprivate var ref: Ref<PacketRings> {
        // a stored property of an object that stays
        unsafe withUnsafeMutablePointer(to: &rings) { unsafe Ref(unsafe: $0) }
    }
}
