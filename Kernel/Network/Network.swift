// The protocol stack in the kernel: one instance under one lock that keeps interrupts on, a thread that drains the cards, and
// the system calls that use it.
//
// An interrupt only silences its card and wakes the thread, which takes frames until there are no more, lets the card
// interrupt again and looks once more: one interrupt serves a burst (DESIGN.md, journey 1).

import Drivers
import Machine
import NetStack
import Synchronization
import SystemInterface

typealias NetworkCard = VirtIONet<VirtIOMMIO<MappedRegisters>, KernelDMA>
typealias Stack = NetStack<NetworkCard>
private typealias InterruptSide = VirtIOInterrupt<VirtIOMMIO<MappedRegisters>.Acknowledger, KernelDMA>

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
    nonisolated(unsafe) private static var interruptSides = [4 of InterruptSide?](repeating: nil)
    /// Bit i: interface i's configuration changed.
    private static let changes = Atomic<UInt32>(0)
    /// The thread has something to look at.
    private static let pending = Atomic<Bool>(false)
    /// When the thread wakes by itself (nanoseconds since boot).
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

    /// Takes a card over; its interrupts come from `source`.
    static func add(_ transport: VirtIOMMIO<MappedRegisters>, source: UInt32) throws(VirtIOError) {
        guard let pool else { throw .noMemory }
        seed = seed &* 6_364_136_223_846_793_005 &+ 1
        let card = try NetworkCard(transport, in: KernelDMA(), pool: pool, receiveBuffers: receiveBuffers, random: seed)
        let side = card.interrupt
        let hardware = card.hardwareAddress
        guard let place = stack.withLock({ $0 }), let index = place.pointee.addInterface(card) else {
            kprint("network: no room for another card\n")
            return
        }
        interruptSides[index] = side
        Interrupts.route(source, to: .network(index))
        kprint("vt\(index): virtio-net, \(ethernet: hardware)\n")
    }

    /// Gives the first interface the address in the boot arguments, or asks a DHCP server for one; and starts the thread.
    static func start(_ machine: borrowing MachineDescription) {
        guard let place = stack.withLock({ $0 }), place.pointee.interfaceCount > 0 else { return }
        if let text = machine.tree.bootArguments,
            let settings = InterfaceSettings(bootArguments: RawSpan(_unsafeStart: text.pointer, byteCount: text.count))
        {
            place.pointee.configure(
                0, address: settings.address, prefixLength: settings.prefixLength, gateway: settings.gateway)
            kprint("vt0: \(address: settings.address)/\(settings.prefixLength)\n")
        } else {
            place.pointee.startDHCP(0, now: Clock.nanoseconds)
            Leases.wake(place.pointee.takeChangedLeases())
        }
        pending.store(true, ordering: .relaxed)
        ProcessTable.startKernelThread("network") { Network.run() }
    }

    // MARK: The thread

    /// An interrupt from a card.
    static func interrupt(_ index: Int) {
        guard let side = interruptSides[index] else { return }
        let cause = side.acknowledge(masking: true)
        if cause.contains(.configuration) { changes.bitwiseOr(1 << UInt32(index), ordering: .relaxed) }
        if !cause.isEmpty { wakeThread() }
    }

    private static func wakeThread() {
        pending.store(true, ordering: .sequentiallyConsistent)
        thread.wakeOne()
    }

    private static func run() -> Never {
        while true {
            pending.store(false, ordering: .sequentiallyConsistent)
            let result = stack.withLock { stack in
                takeChanges(&stack.unsafelyUnwrapped.pointee)
                let result = stack.unsafelyUnwrapped.pointee.poll(now: Clock.nanoseconds, budget: budget)
                wakeTime.store(result.nextDeadline, ordering: .relaxed)
                return result
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
                let deadline = result.nextDeadline == .max ? nil : Clock.ticks(atNanoseconds: result.nextDeadline)
                _ = try thread.wait(until: deadline) { () throws(SystemError) -> Bool? in
                    pending.load(ordering: .sequentiallyConsistent) ? true : nil
                }
            } catch {}  // the deadline has come
        }
    }

    private static func takeChanges(_ stack: inout Stack) {
        var changed = changes.exchange(0, ordering: .relaxed)
        while changed != 0 {
            _ = stack.withInterface(changed.trailingZeroBitCount) { $0.device.configurationChanged() }
            changed &= changed - 1
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
        var deadline = UInt64.max

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
        if news.deadline < wakeTime.load(ordering: .relaxed) { wakeThread() }
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
        _ address: IPv4Address, payload: Int, sequence: UInt16, timeout nanoseconds: UInt64
    ) throws(SystemError) -> EchoReply {
        try Leases.awaitAddress(for: address)
        let slot = try withStack { (stack) throws(SystemError) -> Int in
            do throws(EchoError) {
                return try stack.startEcho(
                    to: address, payloadCount: payload, sequence: sequence, timeout: nanoseconds, now: Clock.nanoseconds)
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
