// The protocol stack in the kernel: one instance under one lock that keeps interrupts on, a thread that drains the cards, and
// the system calls that use it.
//
// An interrupt only wakes the thread, which silences the card, completes the interrupt, takes frames until there are no more, lets
// the card interrupt again and looks once more: one interrupt serves a burst (DESIGN.md, journey 1). The handler touches no
// card: registers of old cards cannot be shared between two that do not know of each other.

import Drivers
import Machine
import NetStack
import Synchronization
import SystemInterface

typealias Stack = NetStack<Card>

enum Network {
    /// Packets for everything: what cards receive into, what is on its way out, what waits in queues.
    private static let packets = 1024
    /// Of them, what each card may receive into: a burst of so many frames waits while somebody else has the hart.
    private static let receiveBuffers = 256
    /// Frames that the thread takes before it lets others run.
    private static let budget = 64

    /// Users' sockets: 1,024 at 128 MiB of memory, 64 at least.
    private static var socketCount: Int { min(16_384, max(64, Pages.total / 32)) }

    /// nil until the pool is made; the stack stays for ever.
    nonisolated(unsafe) private static var stack = ThreadLock<UnsafeMutablePointer<Stack>?>(nil)
    nonisolated(unsafe) private static var pool: PacketPool?
    nonisolated(unsafe) private static var seed: UInt64 = 0
    /// Bit i: interface i's interrupt waits to be completed.
    private static let claimed = Atomic<UInt32>(0)
    /// When drivers were last asked for trouble.
    nonisolated(unsafe) private static var troubleToldAt = Instant.start
    /// By interface, and source 0 for none.
    nonisolated(unsafe) private static var sources = [4 of UInt32](repeating: 0)
    /// The thread has something to look at.
    private static let pending = Atomic<Bool>(false)
    /// When the thread wakes by itself: an instant, in nanoseconds.
    private static let wakeTime = Atomic<UInt64>(.max)
    nonisolated(unsafe) private static var thread = WaitQueue()
    // MARK: Start

    /// Makes the pool and the stack; cards are added after this.
    static func prepare(_ machine: borrowing MachineDescription) {
        seed = machine.randomSeed
        let bytes = (packets + 1) * PacketPool.bufferSize
        guard let memory = Pages.allocateContiguous(bytes: bytes),
            let pool = PacketPool(memory: memory.pointer, byteCount: bytes),
            let tables = Pages.allocateContiguous(bytes: Stack.memoryNeeded(sockets: socketCount))
        else {
            kprint("network: not enough memory\n")
            return
        }
        self.pool = pool
        Sockets.start(socketCount)
        Echoes.start()
        Names.start()
        let place = bootTable(Stack.self, 1)
        place.initialize(to: Stack(pool: pool, memory: tables.pointer, sockets: socketCount, seed: seed))
        stack.withLock { $0 = place }
    }

    /// Looks for a card at a place and takes it over; false when there is none that we know.
    @inline(never)
    static func add(_ place: CardPlace<MappedRegisters>, spot: CardSpot, options: borrowing BootOptions) -> Bool {
        guard let pool else { return false }
        seed = seed &* 6_364_136_223_846_793_005 &+ 1
        let site = CardSite(
            place, pool: pool, receiveBuffers: receiveBuffers, random: seed, withoutFeatures: options.withoutFeatures)
        do throws(CardError) {
            guard var card = try Card.attach(site) else { return false }
            var spot = spot
            if spot.bus == .isa, spot.source == 0 { spot.source = findSource(&card) }
            take(card, spot)
        } catch {
            kprint("network card on \(spot): \(error.message)\n")
        }
        return true
    }

    /// Makes a card raise its line and looks which source becomes pending by that; 0 when none or several do.
    @inline(never)
    private static func findSource(_ card: inout Card) -> UInt32 {
        let before = Interrupts.pending
        card.holdInterrupt(true)
        let raised = Interrupts.pending & ~before
        card.holdInterrupt(false)
        return raised.nonzeroBitCount == 1 ? UInt32(raised.trailingZeroBitCount) : 0
    }

    @inline(never)
    private static func take(_ card: consuming Card, _ spot: CardSpot) {
        let hardware = card.hardwareAddress, driver = card.driver
        guard let place = stack.withLock({ $0 }), let id = place.pointee.addInterface(card) else {
            return kprint("network: no room for another card\n")
        }
        let index = Int(id.rawValue)
        CardNames.add(index, driver, spot)
        sources[index] = spot.source
        if spot.source != 0 {
            Interrupts.route(spot.source, to: .network(index))
        } else {
            kprint("\(interface: id): where its interrupt leads is unknown: it is looked at once a second\n")
        }
        kprint("\(interface: id): \(driver.name) on \(spot), \(ethernet: hardware)\n")
    }

    /// Gives the first interface the address in the boot arguments, asks DHCP servers for all others; and starts the thread.
    static func start(_ machine: borrowing MachineDescription) {
        guard let place = stack.withLock({ $0 }), place.pointee.cardCount > 0 else { return }
        var first = 0
        if let text = machine.tree.bootArguments,
            let settings = InterfaceSettings(bootArguments: RawSpan(_unsafeStart: text.pointer, byteCount: text.count))
        {
            place.pointee.configure(
                .card(0), address: settings.address, prefixLength: settings.prefixLength, gateway: settings.gateway)
            kprint("\(interface: .card(0)): \(address: settings.address)/\(settings.prefixLength)\n")
            first = 1
        }
        for index in first..<place.pointee.cardCount { place.pointee.startDHCP(.card(index), now: Clock.now) }
        wakeCompleted()
        pending.store(true, ordering: .relaxed)
        ProcessTable.startKernelThread("network") { Network.run() }
    }

    // MARK: The thread

    /// An interrupt from one of these interfaces' cards. The source stays claimed until `complete`.
    static func interrupt(_ interfaces: UInt32, source: UInt32) {
        claimed.bitwiseOr(1 << UInt32(interfaces.trailingZeroBitCount), ordering: .relaxed)
        wakeThread()
    }

    /// Lets the sources interrupt again whose cards were looked at.
    private static func complete() {
        var bits = claimed.exchange(0, ordering: .relaxed)
        while bits != 0 {
            Interrupts.complete(sources[bits.trailingZeroBitCount])
            bits &= bits - 1
        }
    }

    private static func wakeThread() {
        pending.store(true, ordering: .sequentiallyConsistent)
        thread.wakeOne()
    }

    private static func run() -> Never {
        while true {
            pending.store(false, ordering: .sequentiallyConsistent)
            var now = Instant.start
            var hasCompletions = false
            let result = stack.withLock { stack in
                now = Clock.now
                let result = stack.unsafelyUnwrapped.pointee.poll(now: now, budget: budget)
                wakeTime.store(result.nextDeadline.nanoseconds, ordering: .relaxed)
                hasCompletions = stack.unsafelyUnwrapped.pointee.hasCompletions
                return result
            }
            if claimed.load(ordering: .relaxed) != 0 { complete() }
            if now - troubleToldAt >= .seconds(1) {
                troubleToldAt = now
                tellTrouble()
            }
            if hasCompletions { wakeCompleted() }
            if result.hasMore {
                Scheduler.yield()
                continue
            }
            do throws(SystemError) {
                let deadline = Clock.ticks(at: result.nextDeadline)
                _ = try thread.wait(until: deadline) { () throws(SystemError) -> Bool? in
                    pending.load(ordering: .sequentiallyConsistent) ? true : nil
                }
            } catch {}  // the deadline has come
        }
    }

    /// Takes completions off the stack's list until there are none, and wakes the threads that wait for them: each outside of the lock.
    @inline(never)
    private static func wakeCompleted() {
        var hasMore = true
        while hasMore {
            let taken = onStack { stack -> Completion? in
                let completion = stack.takeCompletion()
                hasMore = stack.hasCompletions
                return completion
            }
            guard let completion = taken ?? nil else { return }
            switch completion {
            case .echo(let slot): Echoes.wake(slot)
            case .query(let query): Names.wake(query)
            case .lease: Leases.wake()
            case .link(let id): reportLink(id)
            case .socket(let socket): Sockets.wake(socket)
            }
        }
    }

    @inline(never)
    private static func reportLink(_ id: InterfaceID) {
        let isUp = onStack { $0.withInterface(id) { $0.isLinkUp } } ?? nil
        let state: StaticString = isUp == true ? "up" : "down"
        kprint("\(interface: id): link \(state)\n")
    }

    /// Once a second, prints what drivers have to say.
    @inline(never)
    private static func tellTrouble() {
        for index in 0..<StackLimit.cards {
            let id = InterfaceID.card(index)
            guard let message = onStack({ $0.withDevice(id) { $0.takeFaultMessage() } }), let text = message ?? nil else { continue }
            kprint("\(interface: id): \(text)\n")
        }
    }

    // MARK: For system calls

    /// Works on the stack, wakes whoever that made ready, and lets the thread know if it now has to wake earlier.
    /// Throws networkDown when there is no stack.
    static func withStack<Result: ~Copyable>(
        _ body: (inout Stack) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let stack = try lockStack()
        defer { unlockStack(stack) }
        return try body(&stack.pointee)
    }

    // Functions of their own: two dozen system calls are between them.

    @inline(never)
    private static func lockStack() throws(SystemError) -> UnsafeMutablePointer<Stack> {
        guard let place = stack.lock().pointee else {
            stack.unlock()
            throw .networkDown
        }
        return place
    }

    @inline(never)
    private static func unlockStack(_ place: UnsafeMutablePointer<Stack>) {
        let hasCompletions = place.pointee.hasCompletions
        let deadline = place.pointee.nextDeadline
        stack.unlock()
        if hasCompletions { wakeCompleted() }
        if deadline.nanoseconds < wakeTime.load(ordering: .relaxed) { wakeThread() }
    }

    /// Works on the stack where nothing can fail or become ready; nil when there is none.
    static func onStack<Result: ~Copyable>(_ body: (inout Stack) -> Result) -> Result? {
        stack.withLock { stack in
            guard let stack else { return nil }
            return body(&stack.pointee)
        }
    }

    /// An empty packet to fill for sending.
    static func takePacket() -> Packet? { pool?.take() }
}

extension KernelMessage.StringInterpolation {
    mutating func appendInterpolation(address: IPv4Address) {
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            appendInterpolation(address.bits >> shift & 255)
            if shift > 0 { appendLiteral(".") }
        }
    }

    mutating func appendInterpolation(ethernet address: EthernetAddress) {
        for index in 0..<6 {
            if index > 0 { appendLiteral(":") }
            appendInterpolation(hexByte: address[index])
        }
    }
}
