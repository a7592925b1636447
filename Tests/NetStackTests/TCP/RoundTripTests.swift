// The time-out from samples (RFC 6298, 2), number by number.

import Testing

@testable import NetStack

@Suite struct RoundTripTests {
    /// 2.3: RTTVAR is made with the SRTT of before the sample.
    @Test func theVariationIsMadeWithTheOldRoundTrip() {
        var roundTrip = RoundTrip()
        roundTrip.measured(.milliseconds(100), now: 0)
        #expect(roundTrip.smoothed == .milliseconds(100) && roundTrip.variation == .milliseconds(50))
        #expect(roundTrip.timeout == .milliseconds(300))
        roundTrip.measured(.milliseconds(200), now: 0)
        #expect(roundTrip.smoothed == 112_500_000 && roundTrip.variation == 62_500_000)
        #expect(roundTrip.timeout == 362_500_000)
        roundTrip.measured(.milliseconds(40), now: 0)  // less than before
        #expect(roundTrip.smoothed == 103_437_500 && roundTrip.variation == 65_000_000)
        #expect(roundTrip.timeout == 363_437_500)
    }

    /// 2.3 and 2.4: a millisecond of granularity, and both bounds.
    @Test func theTimeOutHasBounds() {
        var steady = RoundTrip()
        for _ in 0..<100 { steady.measured(.milliseconds(400), now: 0) }
        #expect(steady.timeout == .milliseconds(401))
        var fast = RoundTrip()
        fast.measured(.milliseconds(1), now: 0)
        #expect(fast.timeout == .milliseconds(200) && fast.doubled(3) == .milliseconds(1600))
        var slow = RoundTrip()
        slow.measured(.seconds(100), now: 0)
        #expect(slow.timeout == .seconds(120) && slow.doubled(1) == .seconds(120))
    }

    /// RFC 8985, 6.2: the least of the last five minutes.
    @Test func theLeastRoundTripIsKept() {
        var roundTrip = RoundTrip()
        roundTrip.measured(.milliseconds(20), now: 0)
        roundTrip.measured(.milliseconds(10), now: second)
        roundTrip.measured(.milliseconds(30), now: 2 * second)
        #expect(roundTrip.least == .milliseconds(10))
        roundTrip.measured(.milliseconds(30), now: 301 * second)
        #expect(roundTrip.least == .milliseconds(30))
    }
}
