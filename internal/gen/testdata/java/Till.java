package example;

import com.example.orders.DateTime;
import com.example.orders.Event;
import com.example.orders.Events;
import com.example.orders.OrderCancelledV1;
import com.example.orders.OrderPaidPayload;
import com.example.orders.OrderPaidV1;
import java.time.Instant;

final class Till {
    String pay(String order, String customer, long minor) {
        var data = new OrderPaidPayload(order, customer, minor, "USD", DateTime.of(Instant.now()));
        return Events.write(OrderPaidV1.builder().subject(order).data(data).build());
    }

    String handle(String text) {
        Event event = Events.parse(text);
        if (event instanceof OrderPaidV1 paid) {
            return paid.data().totalMinor() + " came in for " + paid.subject();
        } else if (event instanceof OrderCancelledV1 cancelled) {
            return cancelled.subject() + " is cancelled: " + cancelled.data().reason().value();
        }
        return event.type() + " is of no concern here";
    }
}
