// What waits in the users' sockets, counted in buffers: all of them together have a limited share of the pool.

struct ReceiveShare {
    /// Buffers in all queues, and how many there may be.
    private(set) var taken = 0
    let limit: Int

    /// Takes room for `count` buffers more in a queue that has `held`; false without the room.
    mutating func take(_ count: Int, held: Int, atMost queueLimit: Int = .max) -> Bool {
        // No more than twice what is left for all others: readers that sleep leave room for those that do not, however
        // many they are (Choudhury and Hahne 1998, dynamic thresholds).
        let left = limit - taken
        guard count <= left, held == 0 || held + count <= min(queueLimit, 2 * left) else { return false }
        taken += count
        return true
    }

    /// Buffers more that a queue with `held` of them would get.
    func room(held: Int) -> Int {
        let left = limit - taken
        // With n more, held + n is no more than twice the left - n that is left then.
        return max(held == 0 ? min(1, left) : 0, min(left, (2 * left - held) / 3))
    }

    mutating func giveBack(_ count: Int) { taken -= count }
}
