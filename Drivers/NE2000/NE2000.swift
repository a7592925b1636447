// The NE2000: a DP8390 with 8 to 32 KiB of its own memory, which the processor reaches through one port.
//
// Promise: nothing the card says is believed unchecked; no access leaves its memory; every wait is bounded. Faults are
// counted, the card is reset, and when that does not help it is given up (`isBroken`), and tried again after a while. Used
// under one lock, by threads only: the page registers cannot be shared, so an interrupt handler masks the source at the interrupt controller and
// wakes the thread, which calls `reclaim` (the card's line falls), `receive` until nil, `rearm`, and then unmasks the
// source.

import Packets

/// One per card.
public struct NE2000<Window: Registers>: ~Copyable {
    /// The state of the card.
    enum Phase {
        case running
        /// The ring overflowed: stopped, until what was under way on the wire is over (datasheet, section 7.2: 1.6 ms).
        case stopping
        /// Started again in loopback, until a frame is taken out of the ring.
        case draining
        case broken
    }

    var chip: NE2000Chip<Window>
    let pool: PacketPool
    var phase = Phase.running
    /// The card may interrupt.
    var isArmed = false

    // Receiving: the page where the next frame begins, and CURR when it was looked at last. Equal: nothing known to
    // wait.
    var nextPage: PageNumber
    var knownCurrent: PageNumber
    /// PRX was acknowledged since CURR was read.
    var hasNews = false
    /// The pool was empty.
    var isStarving = false
    /// The ring held an impossible header and was emptied; no good frame came since.
    var isSuspicious = false
    /// Times in a row that `rearm` saw an interrupt bit but no frame followed.
    var emptyRearms = 0

    // Transmitting: buffers 0 and 1 in turn.
    var nextBuffer = 0
    /// Bytes in the buffer that is being sent, 0: idle; and in the one that waits behind it.
    var sendingCount = 0
    var waitingCount = 0
    /// When `reclaim` first saw the transmission; .max: not yet.
    var sendingSince = UInt64.max

    // Time, as of the last `reclaim`.
    var now: UInt64 = 0
    var checkedAt: UInt64 = 0
    var stoppedAt: UInt64 = 0
    var failedAt: UInt64 = 0
    /// Failures in a row, each less than ten seconds after the one before.
    var failures = 0
    var fault: NE2000Fault?
    /// Of a card that was given up: when it is tried again, and nanoseconds until the try after that.
    var retryAt: UInt64 = 0
    var pause = firstPause
    /// When it was last brought back.
    var restartedAt: UInt64 = 0

    var receiveConfiguration: ReceiveConfiguration = .acceptBroadcast
    var hash = MulticastHash()

    public let hardwareAddress: EthernetAddress
    let stationAddress: UInt64
    public internal(set) var counters = NE2000Counters()

    /// Finds out what card it is, and starts it. It does not interrupt before the first `rearm`.
    /// - Parameters:
    ///   - window: the card's 32 ports.
    ///   - width: the most bits an access of the data port may have; fewer are used where the card cannot.
    ///   - pool: where received frames go.
    ///   - expectingSignature: refuse a card without 0x57 in its PROM; false when the bus identified the card (PCI).
    public init(
        _ window: Window, width: NE2000Width = .long, pool: PacketPool, expectingSignature: Bool = true
    ) throws(NE2000Error) {
        var chip = NE2000Chip(window: window, width: .byte, memory: .of16Bits)
        guard !chip.isGone else { throw .nothingThere }
        try chip.reset()
        chip.configure(0, MulticastHash())
        let prom = try chip.readPROM()
        chip.command(.stop)
        guard prom.hasSignature || !expectingSignature else { throw .noSignature }
        guard prom.isAddressValid else { throw .badAddress }
        if !prom.isDoubled { chip.memory = .of8Bits }
        chip.width = prom.isDoubled && prom.signature != 0x42 ? width : .byte
        guard let proven = chip.provenWidth() else {
            chip.command(.stop)
            throw .badMemory
        }
        chip.width = proven
        chip.measureMemory()
        chip.configure(prom.address, hash)
        chip.start(receive: receiveConfiguration)
        self.chip = chip
        self.pool = pool
        nextPage = chip.memory.advance(chip.memory.ringStart, by: 1)
        knownCurrent = nextPage
        stationAddress = prom.address
        hardwareAddress = EthernetAddress(bits: prom.address)
    }

    deinit {
        guard phase != .broken else { return }
        chip.command(.stop)
        chip.store([], Page0.imr)
    }

    /// Bits of an access of the data port, as the self-check found them.
    public var width: NE2000Width { chip.width }
    /// The card was given up: it is silent, and takes and gives nothing until it is brought back.
    public var isBroken: Bool { phase == .broken }

    /// Bytes of the card's own memory, as measured at start.
    public var memoryByteCount: Int { (Int(chip.memory.end) - Int(chip.memory.first)) << 8 }

    /// A message about the last fault, once.
    public mutating func takeFaultMessage() -> StaticString? {
        guard let message = fault?.message else { return nil }
        fault = nil
        return message
    }
}

extension NE2000: NetworkDevice {
    public var mtu: Int { 1500 }
    public var isDrainedFirst: Bool { true }
    public var capabilities: NetworkCapabilities { [] }
    /// An NE2000 does not say whether there is a cable.
    public var isLinkUp: Bool { phase != .broken }

    /// The tally counters are read with each overflow and once a second.
    public var framesDropped: UInt64 {
        counters.missed &+ counters.badFrames &+ counters.badLengths &+ counters.badHeaders
    }

    /// A ring without room for a full frame raises no interrupt: it is looked at once a second. The message about a
    /// card that was given up is due at once.
    public var patience: UInt64 {
        switch phase {
        case .broken: fault == nil && retryAt > now ? retryAt &- now : 10_000_000
        case .stopping: 2_000_000
        case .draining: 10_000_000
        case .running: isStarving ? 10_000_000 : sendingCount > 0 ? 50_000_000 : 1_000_000_000
        }
    }

    /// Frames are sent as they come.
    @inline(__always)
    public mutating func flush() {}

    /// Silences the card, acknowledges, and looks after what takes too long.
    public mutating func reclaim(now: UInt64) {
        self.now = now
        if phase == .broken { bringBack() }
        guard phase != .broken else { return }
        if isArmed {
            chip.store([], Page0.imr)
            isArmed = false
        }
        if phase == .stopping, now &- stoppedAt >= Self.stopTime { restartAfterOverflow() }
        guard phase == .running else { return }
        let status = chip.load(Page0.isr)
        // PRX is acknowledged before the ring is drained: a frame that comes later sets it anew.
        let seen = status.intersection([.received, .receiveError, .counters])
        if !seen.isEmpty {
            chip.store(seen, Page0.isrClear)
            hasNews = true
            if seen != .received { readTally() }
        }
        if status.has(.overwrite) { return stopAfterOverflow() }
        if sendingCount > 0 {
            if status.has(.sent) { finishSending(status) }
            watchSending()
        }
        if now &- checkedAt >= Self.checkInterval { checkRunning() }
    }

    /// Lets the card interrupt and looks once more.
    public mutating func rearm() -> Bool {
        guard phase == .running else { return false }
        if isStarving {
            // Frames wait in the card until there are packets: that it has more is no news.
            setInterrupts(receiving: false)
            return false
        }
        setInterrupts(receiving: true)
        guard hasNews || chip.load(Page0.isr).has(wantedInterrupts(receiving: true)) else {
            emptyRearms = 0
            return false
        }
        emptyRearms += 1
        guard emptyRearms > Self.emptyRearmLimit else { return true }
        fail(.status)
        return false
    }

    /// Receive configuration and multicast hash. The hash is changed in place: what was and is wanted always passes.
    public mutating func accept(_ filter: ReceiveFilter) {
        var configuration = ReceiveConfiguration.acceptBroadcast
        var hash = MulticastHash()
        for i in 0..<filter.groupCount {
            let group = filter[i]
            hash.bits |= 1 << MulticastHash.index { group[$0] }
        }
        if filter.takesAllGroups || filter.isPromiscuous { hash.bits = .max }
        if hash.bits != 0 { configuration.insert(.acceptMulticast) }
        if filter.isPromiscuous { configuration.insert(.promiscuous) }
        self.hash = hash
        receiveConfiguration = configuration
        guard phase == .running || phase == .draining else { return }  // else they are set when the card starts
        chip.inPage1(.start) { $0.store(hash.bits, Page1.mar) }
        chip.store(configuration, Page0.rcr)
    }

    @inline(__always)
    private func wantedInterrupts(receiving: Bool) -> Interrupt {
        let receive: Interrupt = receiving ? .receiving : []
        return sendingCount > 0 ? receive.union(.sent) : receive
    }

    @inline(__always)
    mutating func setInterrupts(receiving: Bool) {
        isArmed = true
        chip.store(wantedInterrupts(receiving: receiving), Page0.imr)
    }
}
