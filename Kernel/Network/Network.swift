// The protocol stack in the kernel: one instance under one lock that keeps interrupts on, a thread that drains the
// cards, and the system calls that use it.
//
// An interrupt only wakes the thread (CardInterrupts.swift), which silences the card, completes the interrupt, takes
// frames until there are no more, lets the card interrupt again and looks once more: one interrupt serves a burst
// (Documentation/Journeys.md).

import Drivers
import Machine
import NetStack
import Storage
import Synchronization
import SystemInterface

typealias Stack = NetStack<Card>

enum Network {
    /// Packets at most for everything: what cards receive into, what is on its way out, what waits in queues.
    private static let packets = 1024
    /// Frames that the thread takes before it lets others run.
    private static let budget = 64

    /// Users' sockets: 1,299 at 128 MiB of memory, so that one process can have a socket behind each of its descriptors
    /// (`Limit.openFilesPerMarkedProcess`) and leave the last eighth; 64 at least.
    private static var socketCount: Int { min(16_384, max(64, Pages.total / 25)) }

    private static let stack = ThreadLock<Stack>(.networkStack)
    private static let pool = BootValue<PacketPool>()
    private static let seed = Atomic<UInt64>(0)
    /// The thread has something to look at.
    private static let pending = Atomic<Bool>(false)
    /// When the thread wakes by itself: an instant, in nanoseconds.
    private static let wakeTime = Atomic<UInt64>(.max)
    private static let thread = WaitQueue()
    private static let tablePages = Atomic<Int>(0)
    /// Threads that wait for room in a card, or for a packet.
    private static let senders = WaitQueue()

    // MARK: Start

    /// Makes the pool and the stack; cards are added after this. Once, during start-up.
    static func prepare(_ random: consuming RandomGenerator) {
        seed.store(random.number(), ordering: .relaxed)
        pool.start(PacketMemory.makePool(packets))
        PageSources.add(count: { Network.pool.value.sparePages }, giveBack: { Network.pool.value.giveBack() })
        CardNames.start()
        Sockets.start(socketCount)
        Echoes.start()
        Names.start()
        Rings.start()
        // Boot memory is never given back; pages of tables that grow are not either.
        let tables = unsafe BootMemory.allocate(bytes: Stack.memoryNeeded(sockets: socketCount))
        stack.start(
            unsafe Stack(
                pool: pool.value, memory: tables, sockets: socketCount,
                pages: TablePages(unsafe: { _ in unsafe Network.tablePage() }), random: random.fork())
        )
    }

    /// Memory for tables of the stack's that grow: pages that never come back.
    private static func tablePage() -> UnsafeMutableRawPointer? {
        guard let page = Pages.allocateCleared() else { return nil }
        tablePages.wrappingAdd(1, ordering: .relaxed)
        return unsafe page.pointer
    }

    /// Pages of those tables.
    static var tablePageCount: Int { tablePages.load(ordering: .relaxed) }

    /// What a card receives into until it is known how many there are.
    private static var fewestBuffers: Int { PacketBudget(pool: packets).receiveBuffers(cards: StackLimit.cards) }

    /// Looks for a card at a place and takes it over; false when no driver knows one there.
    @inline(never)
    static func add(_ place: CardPlace<MappedRegisters>, spot: CardSpot, options: borrowing BootOptions) -> Bool {
        guard pool.isSet else { return false }
        let random = seed.load(ordering: .relaxed) &* 6_364_136_223_846_793_005 &+ 1
        seed.store(random, ordering: .relaxed)
        let site = CardSite(
            place, pool: pool.value, receiveBuffers: fewestBuffers, random: random,
            withoutFeatures: options.withoutFeatures, sharedSide: options.sharedSide, processors: Harts.count)
        do throws(CardError) {
            guard var card = try Card.attach(site) else { return false }
            var spot = spot
            if spot.bus == .isa, spot.source == 0 { spot.source = findSource(&card) }
            take(card, place, spot)
        } catch {
            kprint("network card on \(spot): \(error.message)\n")
        }
        return true
    }

    /// Makes a card raise its line and looks which source becomes pending by that; 0 when none or several do.
    @inline(never)
    private static func findSource(_ card: inout Card) -> UInt32 {
        for plic in 0..<InterruptController.plicCount {
            let before = InterruptController.pending(plic)
            card.holdInterrupt(true)
            let raised = InterruptController.pending(plic) & ~before
            card.holdInterrupt(false)
            if raised.nonzeroBitCount == 1 { return UInt32(plic) << 10 | UInt32(raised.trailingZeroBitCount) }
        }
        return 0
    }

    @inline(never)
    private static func take(_ card: consuming Card, _ place: CardPlace<MappedRegisters>, _ spot: CardSpot) {
        let hardware = card.hardwareAddress, driver = card.driver
        var card: Card? = consume card
        let id = stack.withLock { stack -> InterfaceID? in
            guard let card = card.take() else { return nil }
            return stack.addInterface(card)
        }
        guard let id else { return kprint("network: no room for another card\n") }
        let index = Int(id.rawValue)
        CardNames.add(index, driver, spot)
        CardInterrupts.add(index, place, source: spot.source)
        if spot.source != 0 {
            for source in MessageInterrupts.sources(from: spot.source) {
                InterruptController.route(source, to: .network(index))
            }
        } else if driver.hasInterrupt {
            kprint("\(interface: id): where its interrupt leads is unknown: it is looked at once a second\n")
        }
        kprint("\(interface: id): \(driver.name) on \(spot), \(ethernet: hardware)\n")
    }

    /// Gives the first interface the address in the boot arguments, asks DHCP servers for all others; and starts the
    /// thread.
    static func start(_ options: borrowing BootOptions) {
        guard stack.isStarted else { return }
        for index in 0..<options.nameServerCount {
            let server = IPv4Address(bits: options.nameServer(index))
            _ = stack.withLock { $0.addNameServer(server) }
        }
        let cards = stack.withLock { stack -> Int in
            stack.shareReceiveBuffers()
            pool.value.fill(own: stack.budget.own)
            return stack.cardCount
        }
        guard cards > 0 else { return }
        var first = 0
        if let address = options.address {
            let router = options.gateway.map { IPv4Address(bits: $0) }
            let own = IPv4Address(bits: address.bits)
            _ = stack.withLock {
                $0.configure(.card(0), address: own, prefixLength: address.prefixLength, gateway: router)
            }
            kprint("\(interface: .card(0)): \(address: own)/\(address.prefixLength)\n")
            first = 1
        }
        stack.withLock { stack in
            for index in first..<stack.cardCount { stack.startDHCP(.card(index), now: Clock.now) }
        }
        wakeCompleted()
        pending.store(true, ordering: .relaxed)
        KernelThreads.start("network") { Network.run() }
    }

    // MARK: The thread

    /// Makes the thread look at the cards.
    static func wakeThread() {
        pending.store(true, ordering: .sequentiallyConsistent)
        thread.wakeOne()
    }

    private static func run() -> Never {
        var lookedForFaults = Instant.start
        while true {
            pending.store(false, ordering: .sequentiallyConsistent)
            let began = Clock.ticks
            var now = Instant.start
            var hasCompletions = false
            let result = stack.withLock { stack in
                now = Clock.now
                let result = stack.poll(now: now, budget: budget)
                wakeTime.store(result.nextDeadline.nanoseconds, ordering: .relaxed)
                hasCompletions = stack.hasCompletions
                return result
            }
            CardInterrupts.completeAll()
            if now - lookedForFaults >= .seconds(1) {
                lookedForFaults = now
                printFaults()
            }
            if hasCompletions { wakeCompleted() }
            if result.hasMore {
                Scheduler.yieldToOne(for: min(Clock.ticks &- began, Scheduler.slice))
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

    /// Takes completions off the stack's list until there are none, and wakes the threads that wait for them: each
    /// outside of the lock.
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
            case .room(let id):
                senders.wakeAll()
                Rings.wake(id)
            case .rings(let id): Rings.wake(id)
            case .socket(let socket): Sockets.wake(socket)
            }
        }
    }

    // MARK: For system calls

    /// Works on the stack, wakes the threads whose event came of it, and wakes the network thread if it now has to look
    /// earlier.
    /// - Throws: networkDown when there is no stack.
    static func withStack<Result: ~Copyable>(
        _ body: (inout Stack) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let held = try HeldStack()
        return try body(&held.stack.value)
    }

    /// The stack's lock in a variable's hands. Its two ends are functions of their own: two dozen system calls are
    /// between them.
    private struct HeldStack: ~Copyable {
        let stack: Ref<Stack>

        @inline(never)
        init() throws(SystemError) {
            guard Network.stack.isStarted, let stack = Network.stack.acquire() else { throw .networkDown }
            self.stack = stack
        }

        @inline(never)
        deinit {
            let hasCompletions = stack.value.hasCompletions
            let deadline = stack.value.nextDeadline
            Network.stack.release()
            if hasCompletions { wakeCompleted() }
            if deadline.nanoseconds < wakeTime.load(ordering: .relaxed) { wakeThread() }
        }
    }

    /// Works on the stack where nothing can fail or become ready; nil when there is none.
    static func onStack<Result: ~Copyable>(_ body: (inout Stack) -> Result) -> Result? {
        guard stack.isStarted else { return nil }
        return stack.withLock(body)
    }

    /// An empty packet to fill for sending; nil when none is free.
    /// - Throws: networkDown.
    static func packetAtOnce() throws(SystemError) -> Packet? {
        guard pool.isSet else { throw .networkDown }
        return pool.value.take(.sending)
    }

    /// An empty packet to fill for sending. Waits while the senders' share of the pool is in use, for a second at most.
    /// - Throws: networkDown; noBufferSpace; interrupted.
    static func takePacket(mayWait: Bool) throws(SystemError) -> Packet {
        guard pool.isSet else { throw .networkDown }
        if let packet = pool.value.take(.sending) { return packet }
        do throws(SystemError) {
            let deadline = Clock.ticks(after: mayWait ? .seconds(1) : .milliseconds(0))
            return try senders.wait(until: deadline) { () throws(SystemError) -> Packet? in
                try withStack { (stack) throws(SystemError) in stack.awaitPackets(now: Clock.now) }
                return pool.value.take(.sending)
            }
        } catch {
            throw error == .timedOut ? .noBufferSpace : error
        }
    }

    /// Waits until the card of an interface has room for another datagram.
    /// - Throws: noBufferSpace when there is none after ten seconds; interrupted.
    static func awaitRoom(on id: InterfaceID) throws(SystemError) {
        do throws(SystemError) {
            try senders.wait(until: Clock.ticks(after: .seconds(10))) { () throws(SystemError) -> Void? in
                onStack { $0.isCongested(id) } == true ? nil : ()
            }
        } catch {
            throw error == .timedOut ? .noBufferSpace : error
        }
    }
}
