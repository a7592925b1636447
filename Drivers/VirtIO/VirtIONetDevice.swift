// What the stack sees of a VirtIO network device: a NetworkDevice, whatever number of queues is behind it.

import Packets
import Storage

extension VirtIONet: NetworkDevice where Queue: ~Copyable {
    public var ringsFull: UInt64 { counters.fullRings }
    public var framesDropped: UInt64 { counters.badLengths &+ counters.tooLarge &+ counters.badHeaders }

    /// A device without buffers does not interrupt: look again in 10 ms. An interrupt that was lost costs a second. Each
    /// second it is looked at whether one that was given up may be brought back.
    public var patience: UInt64 {
        for i in 0..<pairsInUse where pairs[i].posted == 0 && !isBroken { return 10_000_000 }
        return Self.checkInterval
    }

    public var queuePairs: Int { pairsInUse }

    @inline(__always)
    public mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        pairsInUse == 1 ? pairs.ref(0).value.submit(frame) : submitByProcessor(frame)
    }

    @inline(never)
    private mutating func submitByProcessor(_ frame: consuming LentPacket) -> LentPacket? {
        pairs.ref(pairOfProcessor).value.submit(frame)
    }

    /// A pair that waits for its reset is left out.
    private var pairOfProcessor: Int {
        var number = memory.processor % pairsInUse
        for _ in 1..<pairsInUse where pairs[number].transmitQueue.isBroken { number = (number + 1) % pairsInUse }
        return number
    }

    public mutating func transmit(from rings: inout PacketRings, atMost most: Int, _ pool: PacketPool) -> RingTraffic {
        let pair = pairs.ref(pairsInUse == 1 ? 0 : pairOfProcessor)
        let traffic = pair.value.transmit(from: &rings, atMost: most, pool)
        lookAtSuspects(checkedAt)
        return traffic
    }

    public mutating func receive(into rings: inout PacketRings, atMost most: Int) -> RingTraffic {
        guard pairs[0].renewsReceived else { return receiveEach(into: &rings, atMost: most) }
        var traffic = RingTraffic()
        for _ in 0..<pairs.count where traffic.frames < most {
            nextInTurn().value.receive(into: &rings, atMost: most, &traffic)
        }
        lookAtSuspects(checkedAt)
        return traffic
    }

    @inline(__always)
    public mutating func flush() { for i in 0..<pairsInUse { pairs.ref(i).value.flush() } }

    @inline(__always)
    public mutating func receive() -> Packet? {
        pairs.count == 1 ? pairs.ref(0).value.takeReceived() : receiveInTurn()
    }

    @inline(never)
    private mutating func receiveInTurn() -> Packet? {
        for _ in 0..<pairs.count {
            if let packet = nextInTurn().value.takeReceived() { return packet }
        }
        return nil
    }

    private mutating func nextInTurn() -> Ref<Pair> {
        let pair = pairs.ref(turn)
        turn = turn + 1 == pairs.count ? 0 : turn + 1
        return pair
    }

    // Never inlined, as `takeReceived`.
    @inline(never)
    public mutating func reclaim(now: UInt64) {
        // Changes of the configuration cannot be silenced: also a device that was not armed since may interrupt for one.
        if isArmed || now != askedAt { silence(now) }
        lookAtSuspects(now)
        if isBroken, !bringBack(now) { return }
        if hasOrders { workOnOrders() }
        for i in 0..<pairs.count { pairs.ref(i).value.reclaim(now: now) }
    }

    /// One interrupt for three quarters of what each pair has under way.
    @inline(never)
    public mutating func requestRoomInterrupt() -> Bool {
        lookAtSuspects(checkedAt)
        guard !isBroken else { return false }
        var hasRoom = false
        for i in 0..<pairsInUse where pairs.ref(i).value.requestRoomInterrupt() { hasRoom = true }
        return hasRoom
    }

    @inline(never)
    public mutating func collectSent() {
        for i in 0..<pairsInUse { pairs.ref(i).value.collectSent() }
        lookAtSuspects(checkedAt)
    }

    /// More are given to the device at once; fewer are what it has when it has used some.
    public mutating func receive(intoAtMost buffers: Int) {
        receiveBuffers = buffers
        if !isBroken { share() }
    }

    public mutating func receive(with offloads: NetworkCapabilities) -> Bool {
        guard features & VirtIONetFeature.controlGuestOffloads != 0, let control else { return false }
        control.value.note(VirtIONetFeature.receiveOffloads(offloads) & features)
        workOnOrders()
        return true
    }

    /// Without the control queue the device lets everything through.
    public mutating func accept(_ filter: ReceiveFilter) {
        guard features & VirtIONetFeature.controlReceive != 0 else { return }
        control?.value.note(filter)
        workOnOrders()
    }

    /// A device that was given up gets its orders when it is back.
    private mutating func workOnOrders() {
        guard !isBroken, let control else { return }
        hasOrders = control.value.work(transport)
        guard let isAccepted = control.value.takePairsAnswer() else { return }
        mayUseAll = isAccepted
        pairsInUse = isAccepted ? pairs.count : 1
        if !isAccepted { recovery.message = "the device refused to use several queue pairs: one is used" }
        share()
    }

    @inline(__always)
    public mutating func rearm() -> Bool {
        guard !isBroken else { return false }
        isArmed = true
        var hasMore = false
        for i in 0..<pairs.count where pairs[i].receiveQueue.unmaskInterrupts(after: 0) { hasMore = true }
        return hasMore
    }
}
