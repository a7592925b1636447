// The packet rings that programs have: one table, guarded by the stack's lock, as are the rings themselves.

import Drivers
import Machine
import NetStack
import Storage
import Synchronization
import SystemInterface

/// One card in a program's hands, or one end of a pipe.
private struct RingsPlace: ~Copyable {
    /// nil: a free place.
    var rings: Ref<PacketRings>?
    var name: (UInt64, UInt64) = (0, 0)
    /// nil: a pipe.
    var interface: InterfaceID?
    /// The pipe's other end.
    var peer: Int?
    /// The pipe's other end was there, and is gone.
    var hungUp = false
    let pollers = PollQueue()
}

enum Rings {
    /// Programs' rings at most.
    private static let most = 8
    private static let places = BootTable<RingsPlace>()

    /// Makes the table. Once, during start-up.
    static func start() { places.start(most) { _ in RingsPlace() } }

    /// The card that a name stands for.
    private static func interface(_ name: (UInt64, UInt64)) -> InterfaceID? {
        for index in 0..<StackLimit.cards where name.0 != 0 && name.1 == 0 && CardNames.name(index) == name.0 {
            return .card(index)
        }
        return nil
    }

    /// Bytes of a frame at most.
    /// - Throws: networkDown when there is no such interface.
    static func frameLimit(of request: PacketRingsRequest) throws(SystemError) -> Int {
        if request.isPipe { return PacketRingLayout.bufferSize }
        guard let id = interface((request.name0, request.name8)),
            let limit = Network.onStack({ $0.frameLimit(at: id) }) ?? nil
        else { throw .networkDown }
        return limit
    }

    /// The number and the address of the card at a place.
    static func card(_ number: Int) -> (UInt16, UInt64) {
        guard let id = places[number].interface else { return (255, 0) }
        let hardware = Network.onStack { $0.withInterface(id) { StackReports.bits(of: $0.hardware) } } ?? nil
        return (UInt16(id.rawValue), hardware ?? 0)
    }

    /// Gives rings a place, and their card or their pipe.
    /// - Throws: noBufferSpace; busy; networkDown.
    static func add(_ request: PacketRingsRequest, _ rings: Ref<PacketRings>) throws(SystemError) -> Int {
        let name = (request.name0, request.name8)
        return try Network.withStack { (stack) throws(SystemError) in
            guard let number = (0..<most).first(where: { places[$0].rings == nil }) else { throw .noBufferSpace }
            let place = places.ref(number)
            if request.isPipe {
                place.value.peer = try freeEnd(name)
                place.value.interface = nil
            } else {
                guard let id = interface(name) else { throw .networkDown }
                guard stack.hold(id, rings) else { throw .busy }
                place.value.interface = id
            }
            place.value.rings = rings
            place.value.name = name
            place.value.hungUp = false
            if let peer = place.value.peer {
                places[peer].peer = number
                places[peer].hungUp = false
            }
            return number
        }
    }

    /// The end of a pipe that waits for another one; nil: there is none yet.
    private static func freeEnd(_ name: (UInt64, UInt64)) throws(SystemError) -> Int? {
        for number in 0..<most where places[number].rings != nil && places[number].name == name {
            guard places[number].peer == nil else { throw .busy }
            return number
        }
        return nil
    }

    /// Ends all uses of the rings at a place: the card is the stack's again, the pipe's other end hangs up.
    static func remove(_ number: Int) {
        let peer = Network.onStack { stack -> Int? in
            let place = places.ref(number)
            if let id = place.value.interface { stack.letGo(id) }
            place.value.rings = nil
            if let peer = place.value.peer {
                places[peer].peer = nil
                places[peer].hungUp = true
            }
            return place.value.peer.take()
        }
        if let peer = peer ?? nil { places[peer].pollers.wake() }
    }

    /// Looks at the rings at a place.
    /// - Returns: false when a head is where it may not be.
    static func synchronise(_ number: Int, _ sync: PacketRingSync) throws(SystemError) -> Bool {
        var peer: Int?
        let areRight = try Network.withStack { (stack) throws(SystemError) in
            let place = places.ref(number)
            if let id = place.value.interface { return stack.synchronise(id, sync, now: Clock.now) }
            guard let rings = place.value.rings else { return false }
            let areRight = rings.value.takeHeads(sync)
            if let other = place.value.peer, move(rings, places[other].rings, sync) { peer = other }
            return areRight
        }
        if let peer { places[peer].pollers.wake() }
        return areRight
    }

    /// Moves frames through a pipe; whether the other end may have waited for that.
    private static func move(
        _ rings: Ref<PacketRings>, _ other: Ref<PacketRings>?, _ sync: PacketRingSync
    ) -> Bool {
        guard let other else { return false }
        var hasMoved = false
        if sync.contains(.transmit) {
            hasMoved = rings.value.forward(to: &other.value)
            rings.value.publishRoom()
        }
        if sync.contains(.receive), other.value.forward(to: &rings.value) {
            other.value.publishRoom()
            hasMoved = true
        }
        return hasMoved
    }

    /// Bits of PollEntry, after a look at the rings. If something is missing, its card interrupts from then on.
    static func readiness(_ number: Int) -> Int16 {
        var bits: Int16 = 0
        do throws(SystemError) {
            if try !synchronise(number, [.transmit, .receive]) { bits = PollEntry.error }
            try Network.withStack { (stack) throws(SystemError) in
                bits |= readyBits(number)
                let both = PollEntry.readable | PollEntry.writable
                guard bits & both != both, let id = places[number].interface else { return }
                stack.watch(id, now: Clock.now)
                bits |= readyBits(number)
            }
        } catch { return PollEntry.error }
        return bits
    }

    private static func readyBits(_ number: Int) -> Int16 {
        guard let rings = places[number].rings else { return 0 }
        var bits: Int16 = places[number].hungUp ? PollEntry.hangUp : 0
        if !rings.value.receive.isEmpty || !rings.value.hostReceive.isEmpty { bits |= PollEntry.readable }
        if !rings.value.transmit.isFull { bits |= PollEntry.writable }
        return bits
    }

    static func withPollQueue(_ number: Int, _ body: (borrowing PollQueue) -> Void) { body(places[number].pollers) }

    /// Wakes the threads that poll the rings of an interface's card.
    static func wake(_ id: InterfaceID) {
        for number in 0..<places.count where places[number].interface == id { places[number].pollers.wake() }
    }
}
