// Recovery: the overflow of the receive ring as the datasheet orders it, and reset for all the rest.

extension NE2000 {
    /// What was under way on the wire when the chip was stopped is over after 1.6 ms (datasheet, section 7.2).
    static var stopTime: UInt64 { 1_600_000 }
    static var checkInterval: UInt64 { 1_000_000_000 }
    static var emptyRearmLimit: Int { 16 }
    /// So many failures in a row, and the card is given up.
    private static var failureLimit: Int { 5 }
    private static var failureInterval: UInt64 { 10_000_000_000 }

    // MARK: Overflow (datasheet, section 7.2, "Overflow of the receive buffer ring"; step 1, whether TXP was set, is
    // `sendingCount`)

    /// Step 2. The wait of step 3 is not spent here: `patience` asks for the next call.
    @inline(never)
    mutating func stopAfterOverflow() {
        counters.overflows &+= 1
        chip.command(.stop)
        phase = .stopping
        stoppedAt = now
    }

    /// Steps 4 to 7.
    @inline(never)
    mutating func restartAfterOverflow() {
        chip.store(0, Page0.rbcr)
        // Step 5: what ended before the stop took hold is not sent again.
        if sendingCount > 0 {
            let status = chip.load(Page0.isr)
            if status.has(.sent) {
                if status.has(.transmitError) { counters.transmitErrors &+= 1 }
                sendingCount = 0
            }
        }
        chip.store(.loopback, Page0.tcr)
        chip.command(.start)
        chip.store(receiveConfiguration, Page0.rcr)  // in case it was changed meanwhile
        phase = .draining
    }

    /// Steps 9 to 11, once a frame was taken out (step 8) or there turned out to be none.
    @inline(never)
    mutating func resumeAfterOverflow() {
        phase = .running
        chip.store(.overwrite, Page0.isrClear)
        chip.store([], Page0.tcr)
        readTally()
        if sendingCount > 0 {
            sendingSince = .max
            chip.store(.sent, Page0.isrClear)
            chip.command([.start, .transmit])
        } else if waitingCount > 0 {
            let waiting = waitingCount
            waitingCount = 0
            startWaiting(waiting)
        }
    }

    // MARK: Failures

    /// The tally counters; reading clears them.
    @inline(never)
    mutating func readTally() {
        counters.alignmentErrors &+= UInt64(chip.load(Page0.cntr0).rawValue)
        counters.crcErrors &+= UInt64(chip.load(Page0.cntr1).rawValue)
        counters.missed &+= UInt64(chip.load(Page0.cntr2).rawValue)
    }

    /// Looks whether the card still runs: a reset from elsewhere stops it.
    @inline(never)
    mutating func checkRunning() {
        checkedAt = now
        guard chip.loadCommand().intersection([.stop, .start, .pages]) == .start else { return fail(.stopped) }
        readTally()
    }

    /// Resets the card and starts it anew, or gives it up.
    @inline(never)
    mutating func fail(_ reason: NE2000Fault) {
        failures = failures > 0 && now &- failedAt < Self.failureInterval ? failures + 1 : 1
        failedAt = now
        fault = reason
        if sendingCount > 0 { counters.transmitLost &+= 1 }
        if waitingCount > 0 { counters.transmitLost &+= 1 }
        (sendingCount, waitingCount, nextBuffer) = (0, 0, 0)
        (hasNews, isStarving, isSuspicious, emptyRearms) = (false, false, false, 0)
        guard failures <= Self.failureLimit else { return giveUp() }
        counters.resets &+= 1
        guard resets() else { return giveUp() }
        chip.configure(stationAddress, hash)
        nextPage = chip.memory.advance(chip.memory.ringStart, by: 1)
        knownCurrent = nextPage
        chip.start(receive: receiveConfiguration)
        phase = .running
        if isArmed { setInterrupts(receiving: true) }
    }

    private func resets() -> Bool {
        for _ in 0..<3 {
            do {
                try chip.reset()
                return true
            } catch { continue }
        }
        return false
    }

    private mutating func giveUp() {
        fault = .broken
        phase = .broken
        isArmed = false
        chip.command(.stop)
        chip.store([], Page0.imr)
    }
}
