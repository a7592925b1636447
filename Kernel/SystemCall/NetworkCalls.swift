import SystemInterface
enum NetworkCalls {
    static func ping(address: Int32, payload: Int32, milliseconds: Int32, reply: UserAddress) throws(SystemError) -> Int { throw .networkDown }
}
