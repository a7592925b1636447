// Round-trip times, summed up.

/// Times in nanoseconds.
struct Statistics {
    private(set) var count = 0
    private(set) var least = UInt64.max
    private(set) var greatest: UInt64 = 0
    private var sum: UInt64 = 0
    /// Of squares of microseconds: it does not overflow within a lifetime of pings.
    private var squares: UInt64 = 0

    mutating func add(_ time: UInt64) {
        count += 1
        least = min(least, time)
        greatest = max(greatest, time)
        sum &+= time
        let microseconds = time / 1000
        squares &+= microseconds &* microseconds
    }

    var average: UInt64 { sum / UInt64(max(count, 1)) }

    /// The root of the mean squared distance from the average.
    var deviation: UInt64 {
        let mean = average / 1000
        let meanOfSquares = squares / UInt64(max(count, 1))
        let square = mean &* mean
        return squareRoot(meanOfSquares > square ? meanOfSquares - square : 0) &* 1000
    }

    private func squareRoot(_ value: UInt64) -> UInt64 {
        var root: UInt64 = 0
        var bit: UInt64 = 1 << 31
        while bit > 0 {
            if (root + bit) * (root + bit) <= value { root += bit }
            bit >>= 1
        }
        return root
    }
}
