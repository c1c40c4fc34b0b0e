export class Sockets {}
