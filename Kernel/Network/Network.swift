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
    /// By echo slot: who waits for the reply.
    nonisolated(unsafe) private static var echoWaiters: [16 of WaitQueue] = [
        WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(),
        WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(), WaitQueue(),
    ]

    // MARK: Start

    /// Makes the pool and the stack; cards are added after this.
    static func prepare(_ machine: borrowing MachineDescription) {
        seed = machine.randomSeed
        let bytes = (packets + 1) * PacketPool.bufferSize
        guard let memory = Pages.allocateContiguous(bytes: bytes),
            let pool = PacketPool(memory: memory.pointer, byteCount: bytes),
            let tables = Pages.allocateContiguous(bytes: Stack.memoryNeeded)
        else {
            kprint("network: not enough memory\n")
            return
        }
        self.pool = pool
        Sockets.start()
        let place = bootTable(Stack.self, 1)
        place.initialize(to: Stack(pool: pool, memory: tables.pointer, seed: seed))
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
        guard let place = stack.withLock({ $0 }), let index = place.pointee.addInterface(card) else {
            return kprint("network: no room for another card\n")
        }
        CardNames.add(index, driver, spot)
        sources[index] = spot.source
        if spot.source != 0 {
            Interrupts.route(spot.source, to: .network(index))
        } else {
            kprint("\(interface: index): where its interrupt leads is unknown: it is looked at once a second\n")
        }
        kprint("\(interface: index): \(driver.name) on \(spot), \(ethernet: hardware)\n")
    }

    /// Gives the first interface the address in the boot arguments, asks DHCP servers for all others; and starts the thread.
    static func start(_ machine: borrowing MachineDescription) {
        guard let place = stack.withLock({ $0 }), place.pointee.interfaceCount > 0 else { return }
        var first = 0
        if let text = machine.tree.bootArguments,
            let settings = InterfaceSettings(bootArguments: RawSpan(_unsafeStart: text.pointer, byteCount: text.count))
        {
            place.pointee.configure(
                0, address: settings.address, prefixLength: settings.prefixLength, gateway: settings.gateway)
            kprint("\(interface: 0): \(address: settings.address)/\(settings.prefixLength)\n")
            first = 1
        }
        for index in first..<place.pointee.interfaceCount { place.pointee.startDHCP(index, now: Clock.now) }
        Leases.wake(place.pointee.takeChangedLeases())
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
            let result = stack.withLock { stack in
                now = Clock.now
                let result = stack.unsafelyUnwrapped.pointee.poll(now: now, budget: budget)
                wakeTime.store(result.nextDeadline.nanoseconds, ordering: .relaxed)
                return result
            }
            if claimed.load(ordering: .relaxed) != 0 { complete() }
            if result.changedLinks != 0 { tellLinks(result.changedLinks) }
            if now - troubleToldAt >= .seconds(1) {
                troubleToldAt = now
                tellTrouble()
            }
            wakeEchoWaiters(result.completedEchoes)
            Sockets.wake(result.readySockets)
            Leases.wake(result.changedLeases)
            Names.wake(result.completedQueries)
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

    @inline(never)
    private static func tellLinks(_ interfaces: UInt32) {
        var left = interfaces
        while left != 0 {
            let index = left.trailingZeroBitCount
            let isUp = onStack { $0.withInterface(index) { $0.isLinkUp } } ?? nil
            let state: StaticString = isUp == true ? "up" : "down"
            kprint("\(interface: index): link \(state)\n")
            left &= left - 1
        }
    }

    /// Once a second, prints what drivers have to say.
    @inline(never)
    private static func tellTrouble() {
        for index in 0..<Stack.interfaceLimit {
            guard let message = onStack({ $0.withInterface(index) { $0.device.takeFaultMessage() } }), let text = message ?? nil else { continue }
            kprint("\(interface: index): \(text)\n")
        }
    }

    private static func wakeEchoWaiters(_ slots: UInt32) {
        var slots = slots
        while slots != 0 {
            echoWaiters[slots.trailingZeroBitCount].wakeAll()
            slots &= slots - 1
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
        var news = News()
        news.take(from: &place.pointee)
        stack.unlock()
        tell(news)
    }

    /// What a call made ready, to be told after the lock.
    private struct News {
        var echoes: UInt32 = 0
        var sockets: UInt64 = 0
        var leases: UInt32 = 0
        var queries: UInt32 = 0
        var deadline = Instant.never

        mutating func take(from stack: inout Stack) {
            echoes = stack.takeCompletedEchoes()
            sockets = stack.takeReadySockets()
            leases = stack.takeChangedLeases()
            queries = stack.takeCompletedQueries()
            deadline = stack.nextDeadline
        }
    }

    private static func tell(_ news: News) {
        wakeEchoWaiters(news.echoes)
        Sockets.wake(news.sockets)
        Leases.wake(news.leases)
        Names.wake(news.queries)
        if news.deadline.nanoseconds < wakeTime.load(ordering: .relaxed) { wakeThread() }
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

    /// Sends an echo request and sleeps until its reply, or why there is none.
    static func ping(
        _ address: IPv4Address, payload: Int, sequence: UInt16, timeout: Duration
    ) throws(SystemError) -> EchoReply {
        try Leases.awaitAddress(for: address)
        let slot = try withStack { (stack) throws(SystemError) -> Int in
            do throws(EchoError) {
                return try stack.startEcho(
                    to: address, payloadCount: payload, sequence: sequence, timeout: timeout, now: Clock.now)
            } catch {
                throw error.systemError
            }
        }
        let outcome: EchoOutcome
        do throws(SystemError) {
            outcome = try echoWaiters[slot].wait { () throws(SystemError) -> EchoOutcome? in
                stack.withLock { $0.unsafelyUnwrapped.pointee.takeEcho(slot) }
            }
        } catch {
            stack.withLock { $0.unsafelyUnwrapped.pointee.cancelEcho(slot) }
            throw error
        }
        switch outcome {
        case .reply(let reply): return reply
        case .failed(let error): throw error.systemError
        }
    }
}

extension EchoError {
    /// The number that crosses the system-call border.
    fileprivate var systemError: SystemError {
        switch self {
        case .noInterface: .networkDown
        case .noRoute, .networkUnreachable: .networkUnreachable
        case .noMemory, .tooManyRequests: .noBufferSpace
        case .tooLarge: .messageTooLong
        case .badAddress: .invalidArgument
        case .timedOut: .timedOut
        case .hostUnreachable, .unreachable, .timeExceeded: .hostUnreachable
        }
    }
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
