// Recovery: the overflow of the receive ring as the datasheet orders it, and reset for all the rest. A card that a few
// resets did not help is given up, and tried again after a while.

extension NE2000 {
    /// What was under way on the wire when the chip was stopped is over after 1.6 ms (datasheet, section 7.2).
    static var stopTime: UInt64 { 1_600_000 }
    static var checkInterval: UInt64 { 1_000_000_000 }
    static var emptyRearmLimit: Int { 16 }
    /// So many failures in a row, and the card is given up.
    private static var failureLimit: Int { 5 }
    /// From giving a card up to the first try, and from one try to the next at most: twice as long each time.
    static var firstPause: UInt64 { 10_000_000_000 }
    private static var longestPause: UInt64 { 320_000_000_000 }
    /// A card that works for so long after a try is as good as new.
    private static var calm: UInt64 { 60_000_000_000 }
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
        restart()
        if isArmed { setInterrupts(receiving: true) }
    }

    private mutating func restart() {
        chip.configure(stationAddress, hash)
        nextPage = chip.memory.advance(chip.memory.ringStart, by: 1)
        knownCurrent = nextPage
        chip.start(receive: receiveConfiguration)
        phase = .running
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
        if pause > Self.firstPause, now &- restartedAt >= Self.calm { pause = Self.firstPause }
        // One line when it goes and one when it is back; a card that does so again and again does it in silence.
        fault = pause == Self.firstPause ? .broken : nil
        phase = .broken
        retryAt = now &+ pause
        silence()
    }

    private mutating func silence() {
        isArmed = false
        chip.command(.stop)
        chip.store([], Page0.imr)
    }

    /// Tries a card that was given up, once its time has come. It is the same card if it has the same address; the next
    /// failure within ten seconds is one too many.
    @inline(never)
    mutating func bringBack() {
        guard now >= retryAt else { return }
        let isFirst = pause == Self.firstPause
        pause = min(2 &* pause, Self.longestPause)
        retryAt = now &+ pause
        guard !chip.isGone else { return }
        counters.resets &+= 1
        guard isSameCard() else { return silence() }
        restart()
        if isFirst { fault = .back }
        counters.restarts &+= 1
        (failures, failedAt, restartedAt, checkedAt) = (Self.failureLimit, now, now, now)
    }

    private mutating func isSameCard() -> Bool {
        let width = chip.width
        chip.width = .byte  // as every card's PROM can be read
        defer { chip.width = width }
        do throws(NE2000Error) {
            try chip.reset()
            chip.configure(0, MulticastHash())
            return try chip.readPROM().address == stationAddress
        } catch {
            return false
        }
    }
}
