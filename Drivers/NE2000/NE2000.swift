// The NE2000: a DP8390 with 8 or 16 KiB of its own memory, which the processor reaches through one port.
//
// Promise: nothing the card says is believed unchecked; no access leaves its memory; every wait is bounded. What goes wrong is counted,
// the card is reset, and when that does not help it is given up (`isBroken`). Used under one lock, by threads only: the page registers
// cannot be shared, so an interrupt handler masks the source at the interrupt controller and wakes the thread, which calls `reclaim` (the
// card's line falls), `receive` until nil, `rearm`, and then unmasks the source.

import Packets

/// One per card.
public struct NE2000<Window: Registers>: ~Copyable {
    /// What the driver is at with the card.
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

    // Receiving: the page where the next frame begins, and CURR when it was looked at last. Equal: nothing known to wait.
    var nextPage: UInt8
    var knownCurrent: UInt8
    /// PRX was acknowledged since CURR was read.
    var hasNews = false
    /// The pool was empty.
    var isStarving = false
    /// The ring made no sense and was emptied; no good frame came since.
    var isSuspicious = false
    /// Times that `rearm` has seen something in vain.
    var fruitlessLooks = 0

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
    var trouble: NE2000Trouble?

    var receiveSetting: UInt8 = Setting.acceptBroadcast
    var hash = MulticastHash()

    public let hardwareAddress: EthernetAddress
    let stationAddress: UInt64
    public internal(set) var counters = NE2000Counters()

    /// Finds out what card it is, and starts it. It does not interrupt before the first `rearm`.
    /// - Parameters:
    ///   - window: the card's 32 ports.
    ///   - width: the most bits an access of the data port may have; fewer are used where the card cannot.
    ///   - pool: where received frames go.
    ///   - expectingSignature: refuse a card without 0x57 in its PROM. Only who knows the card otherwise (PCI) can do without.
    ///   - memoryEnd: the page after the last of a 16-bit card's memory, where that is less than 16 KiB.
    public init(
        _ window: Window, width: NE2000Width = .long, pool: PacketPool, expectingSignature: Bool = true, memoryEnd: UInt8 = 0x80
    ) throws(NE2000Error) {
        guard window.load8(Port.cr) != 0xff || window.load8(Port.isr) != 0xff else { throw .nothingThere }
        var chip = NE2000Chip(window: window, width: .byte, memory: .of16Bits(end: memoryEnd))
        try chip.reset()
        chip.configure(0, MulticastHash())
        let prom = try chip.readPROM()
        chip.command(Command.stop)
        guard prom.hasSignature || !expectingSignature else { throw .noSignature }
        guard prom.isAddressValid else { throw .badAddress }
        if !prom.isDoubled { chip.memory = .of8Bits }
        chip.width = prom.isDoubled && prom.signature != 0x42 ? width : .byte
        guard let proven = chip.provenWidth() else {
            chip.command(Command.stop)
            throw .badMemory
        }
        chip.width = proven
        chip.configure(prom.address, hash)
        chip.start(receive: receiveSetting)
        self.chip = chip
        self.pool = pool
        nextPage = chip.memory.ringStart + 1
        knownCurrent = nextPage
        let a = prom.address
        stationAddress = a
        hardwareAddress = EthernetAddress(
            UInt8(a & 255), UInt8(a >> 8 & 255), UInt8(a >> 16 & 255), UInt8(a >> 24 & 255), UInt8(a >> 32 & 255), UInt8(a >> 40 & 255))
    }

    deinit {
        guard phase != .broken else { return }
        chip.command(Command.stop)
        chip.store(0, Port.imr)
    }

    /// Bits of an access of the data port, as the self-check found them.
    public var width: NE2000Width { chip.width }
    /// The card was given up: it is silent, and takes and gives nothing.
    public var isBroken: Bool { phase == .broken }

    /// What went wrong since the last call, in words to be printed, once.
    public mutating func takeFaultMessage() -> StaticString? {
        guard let message = trouble?.message else { return nil }
        trouble = nil
        return message
    }
}

extension NE2000: NetworkDevice {
    public var mtu: Int { 1500 }
    public var capabilities: NetworkCapabilities { [] }
    /// An NE2000 does not say whether there is a cable.
    public var isLinkUp: Bool { phase != .broken }

    /// The wedge that no interrupt announces (a ring without room for a full frame) is found by looking once a second.
    /// Somebody should hear soon of a card that was given up.
    public var patience: UInt64 {
        switch phase {
        case .broken: trouble == nil ? .max : 10_000_000
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
        guard phase != .broken else { return }
        if isArmed {
            chip.store(0, Port.imr)
            isArmed = false
        }
        if phase == .stopping, now &- stoppedAt >= Self.stopTime { restartAfterOverflow() }
        guard phase == .running else { return }
        let status = chip.load(Port.isr)
        // PRX is acknowledged before the ring is drained: a frame that comes later sets it anew.
        let seen = status & (Interrupt.received | Interrupt.receiveError | Interrupt.counters)
        if seen != 0 {
            chip.store(seen, Port.isr)
            hasNews = true
            if seen != Interrupt.received { readTally() }
        }
        if status & Interrupt.overwrite != 0 { return stopAfterOverflow() }
        if sendingCount > 0 {
            if status & Interrupt.sent != 0 { finishSending(status) }
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
        let wanted = Interrupt.receiving | (sendingCount > 0 ? Interrupt.sent : 0)
        guard hasNews || chip.load(Port.isr) & wanted != 0 else {
            fruitlessLooks = 0
            return false
        }
        fruitlessLooks += 1
        guard fruitlessLooks > Self.fruitlessLimit else { return true }
        fail(.status)
        return false
    }

    /// Receive configuration and multicast hash. The hash is changed in place: what was and is wanted always passes.
    public mutating func accept(_ filter: ReceiveFilter) {
        var setting = Setting.acceptBroadcast
        var hash = MulticastHash()
        for i in 0..<filter.groupCount {
            let group = filter[i]
            hash.bits |= 1 << MulticastHash.index { group[$0] }
        }
        if filter.takesAllGroups || filter.isPromiscuous { hash.bits = .max }
        if hash.bits != 0 { setting |= Setting.acceptMulticast }
        if filter.isPromiscuous { setting |= Setting.promiscuous }
        self.hash = hash
        receiveSetting = setting
        guard phase == .running || phase == .draining else { return }  // else they are set when the card starts
        chip.store(Command.noDMA | Command.start | Command.page1, Port.cr)
        chip.storeHash(hash)
        chip.command(Command.start)
        chip.store(setting, Port.rcr)
    }

    @inline(__always)
    mutating func setInterrupts(receiving: Bool) {
        isArmed = true
        chip.store((receiving ? Interrupt.receiving : 0) | (sendingCount > 0 ? Interrupt.sent : 0), Port.imr)
    }
}
