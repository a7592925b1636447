// The ChaCha20 block function (RFC 8439, 2.3).

enum ChaCha20 {
    /// Sixteen words of key stream.
    /// - Parameters:
    ///   - key: 256 bits, the first word of the key first.
    ///   - nonce: 96 bits.
    static func block(key: [8 of UInt32], counter: UInt32, nonce: [3 of UInt32]) -> [16 of UInt32] {
        var start: [16 of UInt32] = [
            0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, counter, nonce[0], nonce[1],
            nonce[2],
        ]
        for i in 0..<8 { start[4 + i] = key[i] }
        var state = start
        for _ in 0..<10 {  // columns, then diagonals
            quarterRound(&state, 0, 4, 8, 12)
            quarterRound(&state, 1, 5, 9, 13)
            quarterRound(&state, 2, 6, 10, 14)
            quarterRound(&state, 3, 7, 11, 15)
            quarterRound(&state, 0, 5, 10, 15)
            quarterRound(&state, 1, 6, 11, 12)
            quarterRound(&state, 2, 7, 8, 13)
            quarterRound(&state, 3, 4, 9, 14)
        }
        for i in 0..<16 { state[i] = state[i] &+ start[i] }
        return state
    }

    /// RFC 8439, 2.1.
    static func quarterRound(_ state: inout [16 of UInt32], _ a: Int, _ b: Int, _ c: Int, _ d: Int) {
        state[a] = state[a] &+ state[b]
        state[d] = rotated(state[d] ^ state[a], by: 16)
        state[c] = state[c] &+ state[d]
        state[b] = rotated(state[b] ^ state[c], by: 12)
        state[a] = state[a] &+ state[b]
        state[d] = rotated(state[d] ^ state[a], by: 8)
        state[c] = state[c] &+ state[d]
        state[b] = rotated(state[b] ^ state[c], by: 7)
    }

    @inline(__always)
    private static func rotated(_ word: UInt32, by count: UInt32) -> UInt32 { word << count | word >> (32 &- count) }
}
