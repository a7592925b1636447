// A network device that failed, or broke the rules of its queues: one queue is reset alone where the device can that
// (VIRTIO_F_RING_RESET), else the device; it is brought back as it was, and what it held is freed. Of several pairs the
// others go on while one waits for its reset.
//
// Promise: a device that goes on failing is reset every ten seconds, with a message for the first time only.

import Packets
import Storage

/// How often a device was brought back, and what was not said of that yet.
struct VirtIONetRecovery {
    /// Nanoseconds from one reset to the next.
    static var pause: UInt64 { 10_000_000_000 }
    /// After so long without a fault the next one is the first again.
    private static var calm: UInt64 { 60_000_000_000 }
    /// Each false id is a buffer that the device has and never gives back: so many at most, and half of those that it
    /// receives into.
    private static var badIDLimit: Int { 16 }

    /// Faults in a row, and when there was the last one.
    private var faults = 0
    private var faultAt: UInt64 = 0
    /// The earliest moment of the next reset.
    private var mayResetAt: UInt64 = 0
    /// It was said that the device could not be brought back.
    private var isDown = false
    /// What is to be said next.
    var message: StaticString?

    /// Whether queues with so many false ids since their last reset are to be reset.
    static func isTooMuch(_ badIDs: Int, ofBuffers buffers: Int) -> Bool { badIDs > min(badIDLimit, buffers / 2) }

    mutating func noteFault(at now: UInt64) {
        faults = faults > 0 && now &- faultAt < Self.calm ? faults + 1 : 1
        faultAt = now
        if faults == 2 { message = "it failed again: from now on it is reset, every 10 s at most, and nothing is said" }
    }

    /// Whether something may be reset now.
    func mayReset(at now: UInt64) -> Bool { now >= mayResetAt }

    /// Something is reset: the next time comes later.
    mutating func noteReset(at now: UInt64) { mayResetAt = now &+ Self.pause }

    /// It works again.
    mutating func noteEnd(_ text: StaticString) {
        if faults == 1 || isDown { message = text }
        isDown = false
    }

    /// It could not be brought back.
    mutating func note(_ error: VirtIOError) {
        if !isDown { message = error.message }
        isDown = true
    }
}

extension VirtIONet where Queue: ~Copyable {
    /// Looks at the device if a queue turned out to be broken.
    @inline(__always)
    mutating func lookAtSuspects(_ now: UInt64) {
        for i in 0..<pairs.count where pairs[i].isSuspicious { return checkDevice(now) }
    }

    /// Looks whether the device still works and keeps the rules.
    @inline(never)
    mutating func checkDevice(_ now: UInt64) {
        checkedAt = now
        var faulty = 0
        for i in 0..<pairs.count {
            pairs[i].isSuspicious = false
            pairs[i].lookForFalsePlaces()
            if pairs[i].needsReset { faulty += 1 }
        }
        guard transport.isLive else { return giveUp() }
        guard faulty > 0 else { return }
        let canReset = features & VirtIOFeature.ringReset != 0
        if canReset, !recovery.mayReset(at: now), faulty < pairsInUse { return }
        if !canReset || !recovery.mayReset(at: now) || !resetQueues(now) { giveUp() }
    }

    /// Resets the queues alone that went wrong.
    /// - Returns: false when the device cannot that.
    private mutating func resetQueues(_ now: UInt64) -> Bool {
        do throws(VirtIOError) {
            for i in 0..<pairs.count where pairs[i].needsReset {
                guard try pairs.ref(i).value.resetQueues() else { return false }
            }
        } catch {
            return false
        }
        isArmed = true
        recovery.noteFault(at: now)
        recovery.noteReset(at: now)
        recovery.noteEnd("the device broke the rules of a queue, which was reset alone")
        ownCounters.queueResets &+= 1
        return true
    }

    /// Resets the device and takes back what it holds: unless it does not finish the reset, and might still write
    /// there. The next `reclaim` brings it back.
    @inline(never)
    mutating func giveUp() {
        guard !isBroken else { return }
        isBroken = true
        isLinkUp = false
        for i in 0..<pairs.count { pairs[i].breakOff() }
        recovery.noteFault(at: checkedAt)
        guard transport.reset() else { return }
        for i in 0..<pairs.count { pairs[i].freeAll() }
    }

    /// Starts a device again that was given up; false when that has to wait, or fails.
    @inline(never)
    mutating func bringBack(_ now: UInt64) -> Bool {
        guard recovery.mayReset(at: now) else { return false }
        recovery.noteReset(at: now)
        do throws(VirtIOError) {
            try restart()
            recovery.noteEnd("the device failed or broke the rules of its queues: it was reset and works again")
        } catch {
            recovery.note(error)
        }
        return !isBroken
    }

    private mutating func restart() throws(VirtIOError) {
        _ = try transport.negotiate(VirtIODeviceType.network, wanted: features, required: features)
        for i in 0..<pairs.count { try pairs.ref(i).value.restart() }
        if let control { try control.value.restart(of: transport) }
        let configuration = try VirtIONetConfiguration(of: transport, features)
        guard features & VirtIONetFeature.mac == 0 || EthernetAddress(bits: configuration.address) == hardwareAddress,
            features & VirtIONetFeature.multiqueue == 0
                || VirtIONetConfiguration.pairs(of: transport) == Int(controlIndex / 2)
        else { throw transport.refuse(.badConfiguration) }
        try transport.goLive()
        (isBroken, isArmed, hasOrders) = (false, true, control != nil)
        (pairsInUse, mayUseAll) = (1, true)
        isLinkUp = configuration.isLinkUp
        share()
        ownCounters.restarts &+= 1
    }
}
