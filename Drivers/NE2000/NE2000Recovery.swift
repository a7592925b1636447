// What is done when something goes wrong: the overflow of the receive ring as the datasheet orders it, and reset for all the rest.

extension NE2000 {
    /// What was under way on the wire when the chip was stopped is over after 1.6 ms (datasheet, section 7.2).
    static var stopTime: UInt64 { 1_600_000 }
    static var checkInterval: UInt64 { 1_000_000_000 }
    static var fruitlessLimit: Int { 16 }
    /// So many failures in a row, and the card is given up.
    private static var failureLimit: Int { 5 }
    private static var failureInterval: UInt64 { 10_000_000_000 }

    // MARK: Overflow (datasheet, section 7.2, "Overflow of the receive buffer ring"; step 1, whether TXP was set, is `sendingCount`)

    /// Step 2. The wait of step 3 is spent elsewhere: `patience` brings us back.
    @inline(never)
    mutating func stopAfterOverflow() {
        counters.overflows &+= 1
        chip.command(Command.stop)
        phase = .stopping
        stoppedAt = now
    }

    /// Steps 4 to 7.
    @inline(never)
    mutating func restartAfterOverflow() {
        chip.store(0, Port.rbcr0)
        chip.store(0, Port.rbcr1)
        // Step 5: what ended before the stop took hold is not sent again.
        if sendingCount > 0 {
            let status = chip.load(Port.isr)
            if status & Interrupt.sent != 0 {
                if status & Interrupt.transmitError != 0 { counters.transmitErrors &+= 1 }
                sendingCount = 0
            }
        }
        chip.store(Setting.loopback, Port.tcr)
        chip.command(Command.start)
        chip.store(receiveSetting, Port.rcr)  // in case it was changed meanwhile
        phase = .draining
    }

    /// Steps 9 to 11, once a frame was taken out (step 8) or there turned out to be none.
    @inline(never)
    mutating func resumeAfterOverflow() {
        phase = .running
        chip.store(Interrupt.overwrite, Port.isr)
        chip.store(0, Port.tcr)
        readTally()
        if sendingCount > 0 {
            sendingSince = .max
            chip.store(Interrupt.sent, Port.isr)
            chip.command(Command.start | Command.transmit)
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
        counters.alignmentErrors &+= UInt64(chip.load(Port.cntr0))
        counters.crcErrors &+= UInt64(chip.load(Port.cntr1))
        counters.missed &+= UInt64(chip.load(Port.cntr2))
    }

    /// Whether the card still does what it was told: something else may have reset it.
    @inline(never)
    mutating func checkRunning() {
        checkedAt = now
        let command = chip.load(Port.cr)
        guard command & (Command.stop | Command.start | Command.pages) == Command.start else { return fail(.stopped) }
        readTally()
    }

    /// Resets the card and starts it anew, or gives it up.
    @inline(never)
    mutating func fail(_ reason: NE2000Trouble) {
        failures = failures > 0 && now &- failedAt < Self.failureInterval ? failures + 1 : 1
        failedAt = now
        trouble = reason
        if sendingCount > 0 { counters.transmitLost &+= 1 }
        if waitingCount > 0 { counters.transmitLost &+= 1 }
        (sendingCount, waitingCount, nextBuffer) = (0, 0, 0)
        (hasNews, isStarving, isSuspicious, fruitlessLooks) = (false, false, false, 0)
        guard failures <= Self.failureLimit else { return giveUp() }
        counters.resets &+= 1
        guard resets() else { return giveUp() }
        chip.configure(stationAddress, hash)
        nextPage = chip.memory.ringStart + 1
        knownCurrent = nextPage
        chip.start(receive: receiveSetting)
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
        trouble = .broken
        phase = .broken
        isArmed = false
        chip.command(Command.stop)
        chip.store(0, Port.imr)
    }
}
